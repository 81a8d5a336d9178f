// The service over HTTP. Everything else on the page asks here.

const KEY = "reid-api-key";

export class Problem extends Error {
  /** status: of the answer, or 0 where there was none. */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

async function send(method, path, { body, type, params, signal } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.append(name, value);
  }
  const headers = type ? { "Content-Type": type } : {};
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let answer;
  try {
    answer = await fetch(url, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, problem.detail ?? problem.title ?? `The service answered ${answer.status}.`);
}

const json = async (...args) => (await send(...args)).json();
const entriesOf = (gallery) => `/galleries/${encodeURIComponent(gallery)}/entries`;

export const model = () => json("GET", "/model");
export const galleries = async () => (await json("GET", "/galleries")).galleries;
export const gallery = (name) => json("GET", `/galleries/${encodeURIComponent(name)}`);
export const examples = async () => (await json("GET", "/examples")).examples;
export const example = async (name) => (await send("GET", `/examples/${encodeURIComponent(name)}`)).blob();
export const metrics = async () => (await send("GET", "/metrics")).text();
export const ready = () => send("GET", "/livez");

/** One result for one track: the crops are fused. options: as POST /search takes them. */
export async function search(crops, options, signal) {
  const params = { ...options, filter: JSON.stringify(options.filter), fuse: crops.length > 1 ? "mean" : null };
  let request = { params, body: crops[0], type: crops[0]?.type, signal };
  if (crops.length > 1) {
    const form = new FormData();
    for (const crop of crops) form.append("images", crop);
    request = { params, body: form, signal };
  }
  return (await json("POST", "/search", request)).results[0]?.matches ?? [];
}

export async function like(id, options, signal) {
  const body = JSON.stringify({ ...options, like: id });
  return (await json("POST", "/search", { body, type: "application/json", signal })).results[0]?.matches ?? [];
}

/** Entries of a person, or of anybody; at most `limit`. */
export async function entries(name, { person, limit }) {
  const found = [];
  let cursor = null;
  do {
    const params = { person_id: person, limit: Math.min(limit - found.length, 1000), cursor };
    const page = await json("GET", entriesOf(name), { params });
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor && found.length < limit);
  return found;
}

export const thumbnail = async (name, id) =>
  (await send("GET", `${entriesOf(name)}/${encodeURIComponent(id)}/thumbnail`)).blob();

export const enrol = (name, id, crop, known) =>
  json("PUT", `${entriesOf(name)}/${encodeURIComponent(id)}`, { params: known, body: crop, type: crop.type });

export const remove = async (name, id) =>
  (await json("DELETE", `${entriesOf(name)}/${encodeURIComponent(id)}`)).deleted;

export const erase = async (name, person) =>
  (await json("DELETE", entriesOf(name), { params: { person_id: person } })).deleted;
