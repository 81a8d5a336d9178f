// The page: a query, its results, and what can be done with them.

import * as api from "./api.js";
import { card, picture, show } from "./cards.js";
import { rate, score, verdict } from "./certainty.js";
import { $, confirmed, localInput, make, moment, wireDialogs } from "./dom.js";
import * as figures from "./figures.js";
import * as filters from "./filters.js";
import { timeline } from "./timeline.js";

const SAMPLE = 2000; // entries looked at to offer attributes in the filter
const EXAMPLES = 12;
const SIGHTINGS = 1000; // of a person on the time line at most
const FEW = 2; // so few cards above the line lie flat, and what is below it stays in view
const TYPES = ["image/jpeg", "image/png", "image/webp"];

const narrow = matchMedia("(max-width: 52rem)"); // as in style.css

const state = { crops: [], like: null, matches: [], gallery: "", thresholds: [], calibrated: false, stores: false, running: null };
const ids = new WeakMap(); // of crops: one that is sent again after a failure is the same entry

// ---- the query ------------------------------------------------------------------------------------------------------

function setCrops(crops) {
  state.crops = crops;
  state.like = null;
  drawTray();
  run();
}

function addFiles(files) {
  const pictures = [...files].filter((file) => TYPES.includes(file.type));
  if (pictures.length < files.length) say("Only JPEG, PNG and WebP pictures can be searched; the others were left out.", true);
  if (pictures.length) setCrops([...state.crops, ...pictures]);
}

function drawTray() {
  const thumbs = state.crops.map((crop, i) => {
    const image = pictureOf(crop, crop.name ? `Crop ${crop.name}` : `Crop ${i + 1}`);
    const remove = make("button", { type: "button", className: "remove", "aria-label": `Remove crop ${i + 1}` }, "×");
    remove.addEventListener("click", () => setCrops(state.crops.filter((_, j) => j !== i)));
    return make("span", { className: "thumb" }, image, remove);
  });
  if (state.like) {
    const about = `Like ${state.like.person_id ?? state.like.id}, ${state.like.camera_id}, ${moment(state.like.captured_at)}`;
    thumbs.push(make("span", { className: "thumb" }, picture(state.gallery, state.like)), make("p", { className: "like" }, about));
  }
  $("tray").replaceChildren(...thumbs);
  const asked = state.like ? [picture(state.gallery, state.like)] : state.crops.slice(0, 3).map((crop) => pictureOf(crop, ""));
  $("asked").replaceChildren(...asked);
  for (const button of document.querySelectorAll(".example")) {
    button.setAttribute("aria-pressed", String(state.crops.some((crop) => crop.name === button.title)));
  }
  $("query-tools").hidden = !state.crops.length && !state.like;
  $("enrol-button").hidden = !state.crops.length;
  $("pick").textContent = state.crops.length ? "Add crops…" : "Choose crops…";
}

function pictureOf(crop, alt) {
  const image = make("img", { alt, width: 64, height: 128 });
  show(image, async () => crop);
  return image;
}

function searchFrom(match) {
  state.crops = [];
  state.like = match;
  $("person-dialog").close();
  drawTray();
  $("results").focus();
  run();
}

function chooseGallery() {
  state.running?.abort();
  state.like = null; // an entry of the other one
  clearResults();
  drawTray();
  changeGallery().then(run, fail);
}

// ---- searching ------------------------------------------------------------------------------------------------------

async function run() {
  state.running?.abort();
  if (!state.crops.length && !state.like) {
    drawResults([]);
    return;
  }
  const abort = (state.running = new AbortController());
  $("results").setAttribute("aria-busy", "true");
  say("Searching…");
  const gallery = state.like ? state.gallery : $("gallery").value;
  const options = { gallery, k: Number($("count").value), filter: filters.filter() ?? undefined };
  if ($("group").checked) options.group_by = "person";
  const started = performance.now();
  try {
    const matches = state.like
      ? await api.like(state.like.id, options, abort.signal)
      : await api.search(state.crops, options, abort.signal);
    const took = Math.round(performance.now() - started);
    state.gallery = gallery;
    drawResults(matches);
    if (narrow.matches) $("results").scrollIntoView();
    const what = options.group_by ? (matches.length === 1 ? "person" : "persons") : matches.length === 1 ? "sighting" : "sightings";
    say(matches.length ? `${matches.length} ${what} in ${took} ms` : "");
    answered();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    clearResults(); // they are of another query
    fail(problem);
  } finally {
    if (state.running === abort) $("results").removeAttribute("aria-busy");
  }
}

function clearResults() {
  state.matches = [];
  $("cards").replaceChildren();
  for (const id of ["verdict", "nothing"]) $(id).hidden = true;
}

function drawResults(matches) {
  const actions = actionsIn(state.gallery);
  state.matches = matches;
  const threshold = chosenThreshold();
  const searched = state.crops.length || state.like;
  $("empty").hidden = Boolean(searched);
  $("nothing").hidden = !searched || matches.length > 0;
  const filtered = filters.filter() !== null;
  $("nothing-text").textContent = filtered ? "No sighting passes the filters." : "This gallery is empty. Enrol crops, and they can be found.";
  $("unfilter").hidden = !filtered;
  if (!searched) say("");
  const judged = verdict(matches, threshold, state.calibrated);
  const list = matches.map((match, i) =>
    card(state.gallery, match, { rank: i + 1, threshold, doubtful: judged.doubtful.includes(match), actions }),
  );
  if (threshold && matches.length) {
    const above = matches.filter((match) => match.score >= threshold.score).length;
    if (above <= FEW) for (const item of list.slice(0, above)) item.classList.add("wide");
    list.splice(above, 0, line(threshold, above, matches.length));
  }
  $("cards").replaceChildren(...list);
  $("verdict").hidden = !judged?.text && !judged?.title;
  $("verdict").className = `verdict ${judged?.kind}`;
  $("verdict-text").replaceChildren(make("strong", {}, judged?.title ?? ""), ` ${judged?.text ?? ""}`);
}

function line(threshold, above, all) {
  const found = Math.round(threshold.true_match_rate * 100);
  return make(
    "li",
    { className: "line" },
    make("strong", {}, above === all ? "All are above your line" : `Below your line: ${all - above} of ${all}`),
    make("span", {}, `score ${score(threshold.score)}, false matches ${rate(threshold.false_match_rate)}, true matches found ${found} %`),
  );
}

function chosenThreshold() {
  const place = $("threshold").value;
  return place === "" ? null : (state.thresholds[place] ?? null);
}

// ---- what cards can do ----------------------------------------------------------------------------------------------

/** A card's own gallery, whichever is chosen by now. */
function actionsIn(gallery) {
  return {
    like: searchFrom,
    person: (match) => showPerson(gallery, match),
    remove: (match, button) => remove(gallery, match, button),
  };
}

async function remove(gallery, match, button) {
  const yes = await confirmed("Delete this sighting?", `${match.id}, ${match.camera_id}. It cannot be brought back.`, "Delete");
  if (!yes) return;
  try {
    const there = await api.remove(gallery, match.id);
    const inDialog = $("person-dialog").open;
    const next = button.closest("li").nextElementSibling?.querySelector("button");
    state.matches = state.matches.filter((other) => other.id !== match.id);
    [...$("cards").children].find((item) => item.dataset.id === match.id)?.remove();
    say(there ? `Deleted ${match.id}.` : `${match.id} was not there any more.`);
    if (inDialog) await showPerson(gallery, match);
    else (next ?? $("results")).focus();
    refresh();
  } catch (problem) {
    fail(problem);
  }
}

async function showPerson(gallery, match) {
  try {
    const found = await api.entries(gallery, { person: match.person_id, limit: SIGHTINGS });
    if (!found.length) {
      $("person-dialog").close();
      $("results").focus();
      return;
    }
    found.sort((a, b) => a.captured_at.localeCompare(b.captured_at));
    const cameras = new Set(found.map((entry) => entry.camera_id)).size;
    $("person-title").textContent = match.person_id;
    const first = found.length === SIGHTINGS ? "The first " : "";
    $("person-hint").textContent = `${first}${found.length} sightings on ${cameras} cameras. Choose a dot to see it below.`;
    const { like, remove } = actionsIn(gallery);
    const list = found.map((entry) => card(gallery, entry, { actions: { like, remove } }));
    $("person-cards").replaceChildren(...list);
    const pick = (entry) => {
      for (const item of [...list, ...$("timeline").querySelectorAll(".sighting")]) {
        item.classList.toggle("picked", item.dataset.id === entry.id);
      }
      const chosen = list.find((item) => item.dataset.id === entry.id);
      chosen?.scrollIntoView({ block: "nearest" });
      chosen?.querySelector("button").focus({ preventScroll: true });
    };
    Object.assign($("erase-person").dataset, { gallery, person: match.person_id });
    if ($("person-dialog").open) list[0].querySelector("button").focus({ preventScroll: true });
    else $("person-dialog").showModal();
    $("person-dialog").scrollTop = 0;
    $("timeline").replaceChildren(timeline(found, pick, $("timeline").clientWidth));
  } catch (problem) {
    fail(problem);
  }
}

async function erasePerson() {
  const { gallery, person } = $("erase-person").dataset;
  const yes = await confirmed(`Erase ${person}?`, "Every sighting of this person is erased from the gallery and its files.", "Erase all");
  if (!yes) return;
  try {
    const many = await api.erase(gallery, person);
    $("person-dialog").close();
    await run();
    say(`Erased ${many} sightings of ${person}.`);
    refresh();
  } catch (problem) {
    $("person-dialog").close();
    fail(problem);
  }
}

// ---- enrolling ------------------------------------------------------------------------------------------------------

function openEnrol() {
  $("enrol-title").textContent = state.crops.length === 1 ? "Enrol this crop" : `Enrol ${state.crops.length} crops`;
  $("enrol-time").value = localInput(new Date());
  $("enrol-error").hidden = true;
  $("enrol-dialog").showModal();
}

async function enrol(event) {
  event.preventDefault();
  const known = {
    camera_id: $("enrol-camera").value,
    captured_at: new Date($("enrol-time").value).toISOString(),
    person_id: $("enrol-person").value || null,
  };
  const [gallery, crops] = [$("gallery").value, [...state.crops]];
  event.submitter.disabled = true;
  try {
    for (const crop of crops) {
      if (!ids.has(crop)) ids.set(crop, newId());
      await api.enrol(gallery, ids.get(crop), crop, known);
    }
    $("enrol-dialog").close();
    await Promise.all([run(), refresh()]);
    const what = crops.length === 1 ? "the crop" : `${crops.length} crops`;
    say(`Enrolled ${what}.${state.stores ? "" : " Pictures are not stored by this service."}`);
  } catch (problem) {
    if (problem.status === 401) $("enrol-dialog").close();
    complain("enrol-error", problem);
    if (problem.status === 401 || problem.status === 0) fail(problem);
  } finally {
    event.submitter.disabled = false;
  }
}

/** 96 random bits; crypto.randomUUID exists only where the page comes over HTTPS or from this machine. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---- telling --------------------------------------------------------------------------------------------------------

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function complain(id, problem) {
  $(id).textContent = inWords(problem);
  $(id).hidden = false;
}

function inWords(problem) {
  if (problem.status === 403) return `Your key does not allow this: ${problem.message}.`;
  if (problem.status === 429 || problem.status === 503) return "The service is busy; try again in a moment.";
  return problem.message;
}

function fail(problem) {
  if (problem.status === 401) {
    say("The service wants an API key.", true);
    askForKey(api.key.get() ? "The service does not know this key, or it has expired." : "");
  } else if (problem.status === 0) {
    $("banner").textContent = "The service does not answer. What you see may be old; the page tries again by itself.";
    $("banner").hidden = false;
    say("", true);
  } else {
    say(inWords(problem), true);
  }
}

function answered() {
  if ($("banner").hidden) return;
  $("banner").hidden = true;
  start();
}

// ---- keys -----------------------------------------------------------------------------------------------------------

function askForKey(complaint) {
  $("key-button").hidden = false;
  $("key-error").textContent = complaint;
  $("key-error").hidden = !complaint;
  if (!$("key-dialog").open) $("key-dialog").showModal();
}

function useKey(value) {
  if (/[^!-~]/.test(value)) {
    askForKey("A key has only letters, digits and signs such as - and _, no spaces.");
    return;
  }
  say("");
  api.key.set(value);
  $("key").value = "";
  $("key-dialog").close();
  start();
}

// ---- beginning ------------------------------------------------------------------------------------------------------

function showModel(model) {
  state.calibrated = Boolean(model.calibration);
  state.stores = model.store_thumbnails;
  state.thresholds = [...(model.calibration?.thresholds ?? [])].sort((a, b) => a.false_match_rate - b.false_match_rate);
  const kept = $("threshold").value;
  $("threshold").replaceChildren(
    ...state.thresholds.map((t, i) => make("option", { value: i }, rate(t.false_match_rate))),
    make("option", { value: "" }, "no line"),
  );
  const usual = state.thresholds.findIndex((t) => t.false_match_rate >= 0.001);
  $("threshold").value = kept || String(usual < 0 ? state.thresholds.length - 1 : usual);
  $("threshold-field").hidden = !state.thresholds.length;
  $("model").textContent = `Model ${model.model_id}, ${state.calibrated ? `calibrated on ${model.calibration.source}` : "not calibrated"}.`;
}

async function showGalleries() {
  const names = await api.galleries();
  const kept = $("gallery").value;
  $("gallery").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  $("gallery").value = names.includes(kept) ? kept : names.includes("default") ? "default" : (names[0] ?? "");
  $("gallery-field").hidden = names.length < 2;
  if (!names.length) throw new api.Problem(404, "There is no gallery that this key may see.");
}

async function showExamples() {
  const names = await api.examples();
  const shown = []; // loads the picture of each button
  const list = names.map((name) => {
    const title = name.replace(/\.[^.]+$/, "").replace(/^\d+ /, "");
    const image = make("img", { alt: "", width: 48, height: 96 });
    const button = make("button", { type: "button", className: "example", title, "aria-label": `Search for ${title}` }, image);
    shown.push(() => show(image, () => api.example(name)));
    button.addEventListener("click", async () => {
      try {
        const crop = await api.example(name);
        setCrops([new File([crop], title, { type: crop.type })]);
      } catch (problem) {
        fail(problem);
      }
    });
    return button;
  });
  $("example-list").replaceChildren(...list.slice(0, EXAMPLES));
  for (const load of shown.slice(0, EXAMPLES)) load();
  $("more-examples").hidden = list.length <= EXAMPLES;
  $("more-examples").onclick = () => {
    $("more-examples").hidden = true;
    $("example-list").append(...list.slice(EXAMPLES));
    for (const load of shown.slice(EXAMPLES)) load();
    list[EXAMPLES].focus();
  };
  $("examples").hidden = !names.length;
}

let refresh = () => {};

/** Also after a new key, and when a lost service is back. */
async function start() {
  try {
    showModel(await api.model());
    await showGalleries();
    await showExamples();
    await changeGallery();
    if (state.crops.length || state.like) await run();
  } catch (problem) {
    fail(problem);
  }
}

async function changeGallery() {
  await refresh();
  filters.showAttributes(await api.entries($("gallery").value, { limit: SAMPLE }));
}

function wire() {
  wireDialogs();
  $("filters").open = !narrow.matches;
  filters.wire(run);
  $("unfilter").addEventListener("click", () => $("reset-filters").click());
  $("pick").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    addFiles($("file").files);
    $("file").value = "";
  });
  $("clear").addEventListener("click", () => {
    setCrops([]);
    $("pick").focus();
  });
  for (const id of ["group", "count"]) $(id).addEventListener("change", run);
  $("threshold").addEventListener("change", () => drawResults(state.matches));
  $("gallery").addEventListener("change", chooseGallery);
  $("enrol-button").addEventListener("click", openEnrol);
  $("enrol-form").addEventListener("submit", enrol);
  $("erase-person").addEventListener("click", erasePerson);
  $("key-button").addEventListener("click", () => askForKey(""));
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey($("key").value.trim());
  });
  $("key-forget").addEventListener("click", () => useKey(""));
  document.addEventListener("paste", (event) => addFiles(event.clipboardData?.files ?? []));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    addFiles(event.dataTransfer?.files ?? []);
  });
  refresh = figures.watch(() => $("gallery").value, {
    onInfo: (info) => {
      filters.showCameras(info.cameras);
      filters.showDays(Object.keys(info.days));
    },
    onProblem: (problem) => {
      if (problem.status === 0) fail(problem);
    },
    onAnswer: answered,
  });
}

wire();
start();
