// One sighting as a card: picture, score, where and when, and what can be done with it.

import * as api from "./api.js";
import { percent, score } from "./certainty.js";
import { bin, make, moment } from "./dom.js";

/** An <img> of an entry; a drawn placeholder where no picture is stored. */
export function picture(gallery, entry) {
  const alt = entry.has_thumbnail
    ? `${entry.person_id ?? "Somebody"}, ${entry.camera_id}, ${moment(entry.captured_at)}`
    : "No picture is stored";
  const image = make("img", { className: "picture", alt, width: 128, height: 256, src: "/assets/nobody.svg" });
  if (entry.has_thumbnail) show(image, () => api.thumbnail(gallery, entry.id));
  return image;
}

/** Fetched with the key in a header, so that no key ever stands in an address. */
export async function show(image, fetchBlob) {
  try {
    const address = URL.createObjectURL(await fetchBlob());
    image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    image.src = address;
  } catch {
    image.alt = "The picture could not be loaded";
  }
}

/**
 * match: of a search, or an entry without score. actions: {like, person, remove}, each called with the match.
 * doubtful: its rank gets a question mark. threshold: the line; a match below it is set back.
 */
export function card(gallery, match, { rank, threshold, doubtful, actions }) {
  const name = match.person_id ?? "person not known";
  const below = threshold && match.score < threshold.score;
  const about = `${name}, ${match.camera_id}, ${moment(match.captured_at)}`;
  const button = (text, label, action, kind = "link") => {
    const made = make("button", { type: "button", className: kind, "aria-label": `${label}: ${about}` }, text);
    made.addEventListener("click", () => action(match, made));
    return made;
  };
  return make(
    "li",
    { className: ["card", below && "below", doubtful && "doubtful"].filter(Boolean).join(" "), "data-id": match.id },
    make(
      "div",
      { className: "frame" },
      picture(gallery, match),
      rank ? make("span", { className: "rank" }, make("span", { className: "unseen" }, "Rank "), doubtful ? `${rank} ?` : String(rank)) : null,
      button(bin(), "Delete", actions.remove, "bin"),
      match.has_thumbnail ? null : make("span", { className: "no-picture" }, "no picture stored"),
    ),
    make(
      "div",
      { className: "told" },
      match.score === undefined ? null : bar(match, threshold),
      make("p", { className: "who" }, name),
      make("p", { className: "where" }, match.camera_id),
      make("time", { className: "when", dateTime: match.captured_at }, moment(match.captured_at)),
      clothes(match.attributes),
      make(
        "div",
        { className: "card-tools" },
        actions.like ? button("Search from this", "Search from this", actions.like) : null,
        actions.person && match.person_id ? button("All sightings", "All sightings of", actions.person) : null,
      ),
    ),
  );
}

const PAIR =
  "The calibrated probability that two pictures of this score show one person, where half of all pairs do. " +
  "Among many people several reach a high one: by itself it is no match.";

function bar(match, threshold) {
  const share = Math.max(match.score, 0);
  const fill = make("span", { className: "fill" });
  fill.style.width = `${share * 100}%`;
  const track = make("span", { className: "track", "aria-hidden": "true" }, fill);
  if (threshold) {
    const tick = make("span", { className: "tick" });
    tick.style.left = `${Math.max(threshold.score, 0) * 100}%`;
    track.append(tick);
  }
  const chance = match.probability === null ? null : `${percent(match.probability)} as a pair`;
  return make(
    "p",
    { className: "score" },
    track,
    make("span", { title: "Cosine similarity, from -1 to 1" }, `score ${score(match.score)}`),
    chance ? make("span", { className: "chance", title: PAIR }, chance) : null,
  );
}

function clothes(attributes) {
  const named = Object.entries(attributes ?? {}).filter(([, value]) => value !== "none" && value !== false);
  if (!named.length) return null;
  const words = named.map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`);
  return make("details", { className: "clothes" }, make("summary", {}, "Attributes"), make("p", {}, words.join(", ")));
}
