// A person's sightings: one row for each camera, time from left to right.

import { clock, moment, svg } from "./dom.js";

const LEFT = 110, WIDTH = 760, ROW = 34, TOP = 12, RIGHT = 24;

/** An <svg>; every sighting is a focusable dot that calls onPick(entry). entries: sorted by time. */
export function timeline(entries, onPick) {
  const times = entries.map((entry) => Date.parse(entry.captured_at));
  const first = Math.min(...times), last = Math.max(...times, first + 60_000);
  const cameras = [...new Set(entries.map((entry) => entry.camera_id))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const height = TOP + cameras.length * ROW + 30;
  const x = (time) => LEFT + ((time - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (camera) => TOP + cameras.indexOf(camera) * ROW + ROW / 2;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": "Timeline across cameras" });
  for (const camera of cameras) {
    drawing.append(
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(camera), y2: y(camera), class: "lane" }),
      label(camera.length > 15 ? `${camera.slice(0, 14)}…` : camera, 0, y(camera) + 4, "start"),
    );
  }
  const path = entries.map((entry, i) => `${i ? "L" : "M"}${x(times[i])} ${y(entry.camera_id)}`).join("");
  drawing.append(svg("path", { d: path, class: "walk" }));
  for (const share of [0, 0.5, 1]) {
    const time = first + share * (last - first);
    const anchor = ["start", "middle", "end"][share * 2];
    const text = last - first > 20 * 3_600_000 ? moment(new Date(time)) : clock(new Date(time));
    drawing.append(label(text, x(time), height - 8, anchor));
  }
  entries.forEach((entry, i) => drawing.append(dot(entry, x(times[i]), y(entry.camera_id), onPick)));
  return drawing;
}

function dot(entry, x, y, onPick) {
  const name = `${entry.camera_id}, ${moment(entry.captured_at)}`;
  const made = svg("circle", { cx: x, cy: y, r: 7, class: "sighting", tabindex: 0, role: "button", "aria-label": name });
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
