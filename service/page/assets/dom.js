// Making elements without markup in strings: what comes from the gallery is text, never HTML.

export const $ = (id) => document.getElementById(id);

/** make("p", {className: "hint"}, "text", child…): null and false children are left out. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name.startsWith("data-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The sign for deleting. */
export function bin() {
  const d = "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M7 7v3.5M9 7v3.5";
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, svg("path", { d }));
}

const SHORT = { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, SHORT);
const ANY_YEAR = new Intl.DateTimeFormat(undefined, { ...SHORT, year: "numeric" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** Day and time in the viewer's own zone; the year where it is not this one. */
export function moment(text) {
  const date = new Date(text);
  return (date.getFullYear() === new Date().getFullYear() ? THIS_YEAR : ANY_YEAR).format(date);
}

export const clock = (date) => TIME.format(date);

/** A Date as <input type="datetime-local"> has it, in the viewer's own time zone. */
export function localInput(date) {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** Asks before something that cannot be undone. */
export function confirmed(title, text, yes) {
  const dialog = $("confirm-dialog");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Buttons with data-close close the dialog they are in. */
export function wireDialogs() {
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}
