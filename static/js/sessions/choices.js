/** What popovers offer: tags, reasons, people, intents. Asked early and kept, so that a digit works as soon as the list is open. */

const known = new Map();

async function ask(kind, turn) {
  const id = document.getElementById("script").dataset.session;
  const url = new URL(`${document.getElementById("judge").dataset.url}${id}/choices/`, location.href);
  url.searchParams.set("for", kind);
  if (turn) url.searchParams.set("turn", turn);
  const response = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const { items } = await response.json();
  return items.filter((item) => kind !== "intent" || item.label !== "nlu_fallback");
}

/** A promise of [{id, label, hint}]; what was asked before answers at once. */
export function choices(kind, turn = "") {
  const key = `${kind} ${turn}`;
  if (!known.has(key)) {
    const promise = ask(kind, turn);
    // What is empty now may be filled by somebody meanwhile.
    promise.then((items) => items.length || known.delete(key), () => known.delete(key));
    known.set(key, promise);
    if (known.size > 40) known.delete(known.keys().next().value);
  }
  return known.get(key);
}

/** Ask again the next time. */
export function drop(kind) {
  for (const key of [...known.keys()]) if (key.startsWith(`${kind} `)) known.delete(key);
}

/** Have it at hand. */
export function learn(kind, turn = "") {
  choices(kind, turn).catch(() => {});
}
