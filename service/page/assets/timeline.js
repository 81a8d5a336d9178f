// A person's sightings: one row for each camera, time from left to right.

import { clock, moment, svg } from "./dom.js";

const ROW = 36, TOP = 14, RIGHT = 22, FOOT = 30, TICK_EVERY_PX = 64;
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE).concat([1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14, 28, 91, 364].map((n) => n * DAY));

/** An <svg> as wide as it is shown; every sighting is a focusable dot that calls onPick(entry). entries: by time. */
export function timeline(entries, onPick, shownWidth) {
  const width = Math.max(shownWidth, 240);
  const left = width < 480 ? 84 : 120;
  const times = entries.map((entry) => Date.parse(entry.captured_at));
  const first = times[0], last = Math.max(times.at(-1), first + MINUTE);
  const cameras = [...new Set(entries.map((entry) => entry.camera_id))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const height = TOP + cameras.length * ROW + FOOT;
  const x = (time) => left + ((time - first) / (last - first)) * (width - left - RIGHT);
  const y = (camera) => TOP + cameras.indexOf(camera) * ROW + ROW / 2;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Timeline across cameras" });
  for (const time of ticks(first, last, (width - left - RIGHT) / TICK_EVERY_PX)) {
    drawing.append(
      svg("line", { x1: x(time), x2: x(time), y1: TOP, y2: height - FOOT + 4, class: "tick-line" }),
      label(isMidnight(time) ? day(time) : clock(new Date(time)), x(time), height - 9, "middle"),
    );
  }
  const letters = Math.floor((left - 14) / 7);
  for (const camera of cameras) {
    const name = camera.length > letters ? `${camera.slice(0, letters - 1)}…` : camera;
    drawing.append(
      svg("line", { x1: left, x2: width - RIGHT, y1: y(camera), y2: y(camera), class: "lane" }),
      label(name, 0, y(camera) + 4, "start"),
    );
  }
  const path = entries.map((entry, i) => `${i ? "L" : "M"}${x(times[i])} ${y(entry.camera_id)}`).join("");
  drawing.append(svg("path", { d: path, class: "walk" }));
  entries.forEach((entry, i) => drawing.append(dot(entry, x(times[i]), y(entry.camera_id), onPick)));
  return drawing;
}

/** Round times between two, in the viewer's own time zone, at most `most` (and at least one step of a year). */
function ticks(first, last, most) {
  const step = STEPS.find((s) => (last - first) / s <= most) ?? STEPS.at(-1);
  const zone = new Date(first).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let time = Math.ceil((first - zone) / step) * step + zone; time <= last; time += step) found.push(time);
  return found.length ? found : [first];
}

function isMidnight(time) {
  const date = new Date(time);
  return date.getHours() === 0 && date.getMinutes() === 0;
}

const day = (time) => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }).format(time);

function dot(entry, x, y, onPick) {
  const name = `${entry.camera_id}, ${moment(entry.captured_at)}`;
  const made = svg("circle", { cx: x, cy: y, r: 7, class: "sighting", tabindex: 0, role: "button", "aria-label": name, "data-id": entry.id });
  const title = svg("title");
  title.textContent = name;
  made.append(title);
  made.addEventListener("click", () => onPick(entry));
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onPick(entry);
  });
  return made;
}

function label(text, x, y, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor, class: "lane-name" });
  made.textContent = text;
  return made;
}
