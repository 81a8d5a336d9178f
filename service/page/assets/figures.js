// Live figures, from the service's own gallery route and metrics.

import * as api from "./api.js";
import { $, make } from "./dom.js";

const EVERY_MS = 5000;

/** Refreshes now and then while the page is seen. current: () => gallery name; onProblem: called with a Problem. */
export function watch(current, { onInfo, onProblem, onAnswer }) {
  const refresh = async () => {
    if (document.hidden || !current()) return;
    try {
      const [info, text] = await Promise.all([api.gallery(current()), api.metrics()]);
      draw(info, text);
      onInfo(info);
      onAnswer();
    } catch (problem) {
      onProblem(problem);
    }
  };
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
  return refresh;
}

function draw(info, text) {
  const mean = meanOf(text, "reid_request_seconds", 'route="/search"');
  const figures = [
    ["entries", info.entries.toLocaleString()],
    ["persons", info.persons.toLocaleString()],
    ["cameras", String(Object.keys(info.cameras).length)],
    ["in the queue", String(valueOf(text, "reid_queue_crops"))],
    ["mean search", mean === null ? "–" : `${Math.round(mean * 1000)} ms`],
  ];
  const parts = figures.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  $("figures").replaceChildren(...parts);
}

function valueOf(text, name, label = "") {
  const line = text.split("\n").find((l) => l.startsWith(name) && (l[name.length] === " " || l[name.length] === "{") && l.includes(label));
  return line ? Number(line.slice(line.lastIndexOf(" ") + 1)) : 0;
}

function meanOf(text, name, label) {
  const count = valueOf(text, `${name}_count`, label);
  return count ? valueOf(text, `${name}_sum`, label) / count : null;
}
