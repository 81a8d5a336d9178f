// Cameras, time, attributes: the form on the left as a filter of POST /search.

import { $, make } from "./dom.js";

const chosen = new Map();

/** onChange: called whenever the filter is another. */
export function wire(onChange) {
  $("zone").textContent = `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
  const changed = () => {
    const many = count();
    $("filter-count").textContent = many ? `(${many} on)` : "";
    onChange();
  };
  $("filter-form").addEventListener("submit", (event) => event.preventDefault());
  $("filter-form").addEventListener("reset", () => {
    chosen.clear();
    drawChips(changed);
    setTimeout(() => {
      fillValues();
      changed();
    });
  });
  for (const id of ["since", "until"]) $(id).addEventListener("change", changed);
  $("cameras").addEventListener("change", changed);
  $("attribute-name").addEventListener("change", fillValues);
  $("attribute-value").addEventListener("change", () => {
    const [name, value] = [$("attribute-name").value, $("attribute-value").value];
    if (!name || !value) return;
    chosen.set(name, JSON.parse(value));
    $("attribute-value").value = "";
    drawChips(changed);
    changed();
  });
}

/** The filter as the service takes it, or null. */
export function filter() {
  const wish = {};
  const boxes = [...$("cameras").querySelectorAll("input:checked")];
  if (boxes.length) wish.cameras = boxes.map((box) => box.value);
  for (const id of ["since", "until"]) if ($(id).value) wish[id] = new Date($(id).value).toISOString();
  if (chosen.size) wish.attributes = Object.fromEntries(chosen);
  return Object.keys(wish).length ? wish : null;
}

function count() {
  const wish = filter() ?? {};
  return (wish.cameras ? 1 : 0) + (wish.since ? 1 : 0) + (wish.until ? 1 : 0) + chosen.size;
}

/** cameras: names with their entries. What is checked stays checked. */
export function showCameras(cameras) {
  const names = Object.keys(cameras).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const boxes = [...$("cameras").querySelectorAll("input")];
  if (boxes.map((box) => box.value).join("\n") === names.join("\n")) return;
  const checked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  $("cameras").replaceChildren(
    ...names.map((name) =>
      make("label", { className: "inline" }, make("input", { type: "checkbox", value: name, checked: checked.has(name) }), name),
    ),
  );
  $("camera-names").replaceChildren(...names.map((name) => make("option", { value: name })));
}

/** Says from when the entries are, so that nobody filters for a day that has none. days: ISO dates. */
export function showDays(days) {
  const sorted = [...days].sort();
  const [first, last] = [sorted[0], sorted.at(-1)];
  $("span").textContent = first ? `Entries are from ${first === last ? first : `${first} to ${last}`}.` : "";
}

let values = new Map();

/** Offers the attributes and values that a sample of the gallery has. */
export function showAttributes(entries) {
  values = new Map();
  for (const entry of entries) {
    for (const [name, value] of Object.entries(entry.attributes)) {
      if (!values.has(name)) values.set(name, new Set());
      values.get(name).add(JSON.stringify(value));
    }
  }
  const names = [...values.keys()].sort();
  $("attribute-name").replaceChildren(
    make("option", { value: "" }, names.length ? "choose…" : "none in this gallery"),
    ...names.map((name) => make("option", { value: name }, name.replaceAll("_", " "))),
  );
  $("attribute-name").disabled = !names.length;
  fillValues();
}

function fillValues() {
  const options = [...(values.get($("attribute-name").value) ?? [])].sort();
  $("attribute-value").replaceChildren(
    make("option", { value: "" }, options.length ? "choose…" : "–"),
    ...options.map((value) => make("option", { value }, String(JSON.parse(value)))),
  );
  $("attribute-value").disabled = !options.length;
}

function drawChips(changed) {
  const chips = [...chosen].map(([name, value]) => {
    const text = `${name.replaceAll("_", " ")}: ${value}`;
    const button = make("button", { type: "button", className: "chip", "aria-label": `Remove ${text}` }, `${text} ×`);
    button.addEventListener("click", () => {
      chosen.delete(name);
      drawChips(changed);
      changed();
    });
    return make("li", {}, button);
  });
  $("attributes").replaceChildren(...chips);
}
