/** Parts of pages, fetched as htmx would: the server answers with a part for HX-Request and HX-Target. */
const PATIENCE = 15_000; // ms that a prefetched part is believed

const fetched = new Map();

async function get(url, target, signal) {
  const headers = { "HX-Request": "true", "HX-Target": target };
  const response = await fetch(url, { headers, signal, credentials: "same-origin" });
  if (response.redirected || response.status === 401) location.reload(); // signed out meanwhile
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  return response.status === 204 ? "" : response.text();
}

/** The part as text; a prefetched one at once. */
export function part(url, target, signal) {
  const key = `${target} ${url}`;
  const early = fetched.get(key);
  fetched.delete(key);
  return early && early.until > Date.now() ? early.promise : get(url, target, signal);
}

/** Have the part at hand. Reading changes nothing on the server. */
export function prefetch(url, target) {
  const key = `${target} ${url}`;
  if (fetched.has(key) && fetched.get(key).until > Date.now()) return;
  if (fetched.size > 4) fetched.clear();
  const promise = get(url, target);
  promise.catch(() => fetched.delete(key));
  fetched.set(key, { promise, until: Date.now() + PATIENCE });
}

/** What was prefetched is old. */
export function forget() {
  fetched.clear();
}

export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
