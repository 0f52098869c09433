/** Parts of pages, fetched as htmx would: the server answers with a part for HX-Request and HX-Target. */
const PATIENCE = 300_000; // ms that a prefetched part is believed; what changed since comes by the poll, which asks by version
const MOST = 12;

const fetched = new Map();

/** To sign in, by way of this page: unless there is something on it that would be lost, which says so itself. */
function signedOut() {
  if (document.dispatchEvent(new CustomEvent("signed-out", { cancelable: true }))) location.reload();
}

async function get(url, target, signal) {
  const headers = { "HX-Request": "true", "HX-Target": target };
  const response = await fetch(url, { headers, signal, credentials: "same-origin" });
  if (response.redirected || response.status === 401) {
    signedOut();
    throw Object.assign(new Error("signed out"), { status: 401 });
  }
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  return response.status === 204 ? "" : response.text();
}

function early(url, target) {
  const key = `${target} ${url}`;
  const found = fetched.get(key);
  return found && found.until > Date.now() ? found : null;
}

/** The part as text; a prefetched one at once. */
export function part(url, target, signal) {
  const found = early(url, target);
  fetched.delete(`${target} ${url}`);
  return found ? found.promise : get(url, target, signal);
}

/** A prefetched part, parsed, if it has arrived: it can be shown without waiting for anything. */
export function take(url, target) {
  const found = early(url, target);
  if (!found?.content) return null;
  fetched.delete(`${target} ${url}`);
  return found.content;
}

/** Have the part at hand, parsed. Reading changes nothing on the server. Resolves when it is there. */
export function prefetch(url, target) {
  const known = early(url, target);
  if (known) return known.promise;
  while (fetched.size >= MOST) fetched.delete(fetched.keys().next().value);
  const entry = { promise: get(url, target), content: null, until: Date.now() + PATIENCE };
  const key = `${target} ${url}`;
  entry.promise.then(
    (html) => (entry.content = fragment(html)),
    () => fetched.get(key) === entry && fetched.delete(key),
  );
  fetched.set(key, entry);
  return entry.promise;
}

/** What was prefetched is old: of one address, or all of it. */
export function forget(url = null, target = "session") {
  if (url === null) fetched.clear();
  else fetched.delete(`${target} ${url}`);
}

export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
