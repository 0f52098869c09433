/**
 * Completion as one types: a combobox over the plain query field. Never in the way: Enter runs the query unless something
 * was chosen with the arrows, Escape closes, Tab takes.
 */
import { announce } from "../page.js";
import { part } from "./load.js";

const WAIT = 90; // ms after a key

const input = document.getElementById("query");
const list = document.getElementById("completion");
let chosen = -1;
let asked = null;
let timer = 0;
let waiting = false; // for offers

const options = () => [...list.querySelectorAll("[role=option]")];
export const isOpen = () => Boolean(list) && !list.hidden;

export function close() {
  clearTimeout(timer);
  waiting = false;
  asked?.abort();
  if (!list) return;
  list.hidden = true;
  chosen = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(index) {
  const items = options();
  chosen = index < -1 ? items.length - 1 : index >= items.length ? -1 : index;
  items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
  if (chosen < 0) input.removeAttribute("aria-activedescendant");
  else {
    input.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({ block: "nearest" });
  }
}

/** Put the option's text in: only what differs is typed, so that the browser's own undo takes it back. */
function take(item) {
  const before = input.value;
  const after = item.dataset.text;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < Math.min(before.length, after.length) - start && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  input.focus();
  input.setSelectionRange(start, before.length - tail);
  const typed = after.slice(start, after.length - tail);
  const done = typed ? document.execCommand("insertText", false, typed) : document.execCommand("delete");
  if (!done || input.value !== after) input.value = after;
  input.setSelectionRange(Number(item.dataset.caret), Number(item.dataset.caret));
  ask(0); // after a name come its values
}

function ask(wait = WAIT) {
  clearTimeout(timer);
  asked?.abort();
  waiting = true;
  timer = setTimeout(async () => {
    const mine = (asked = new AbortController());
    const url = new URL(list.dataset.url, location.href);
    url.searchParams.set("text", input.value);
    url.searchParams.set("caret", String([...input.value.slice(0, input.selectionStart)].length)); // code points
    try {
      const html = await part(url.pathname + url.search, "completion", mine.signal);
      if (mine.signal.aborted || document.activeElement !== input) return;
      show(html);
    } catch (error) {
      if (error.name !== "AbortError") close(); // the form works without
    }
  }, wait);
}

function show(html) {
  waiting = false;
  list.innerHTML = html;
  const items = options();
  if (!items.length) return close();
  list.hidden = false;
  list.scrollTop = 0;
  chosen = -1;
  input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-expanded", "true");
  announce(list.querySelector("[data-says]")?.dataset.says ?? "");
  return undefined;
}

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey) return;
  if (!isOpen()) {
    if (event.key === "ArrowDown" && event.altKey) ask(0);
    else if (event.key === "Escape" && waiting) close(); // before they come: the same as after
    else return;
    event.preventDefault();
    return;
  }
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen - 1);
  else if (event.key === "Escape") close();
  else if (event.key === "Tab" && !event.shiftKey) take(options()[Math.max(chosen, 0)]);
  else if (event.key === "Enter" && chosen >= 0) take(options()[chosen]);
  else {
    if (event.key === "Enter") close();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

if (input && list) {
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": "completion", "aria-autocomplete": "list", "aria-haspopup": "listbox" })) {
    input.setAttribute(name, value);
  }
  input.addEventListener("input", (event) => {
    if (event.isComposing || event.inputType === "insertText" && event.data === null) return;
    ask();
  });
  input.addEventListener("compositionend", () => ask());
  input.addEventListener("keydown", onKey);
  // The arrows move the caret to another word: what was offered was for this one.
  input.addEventListener("keyup", (event) => ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key) && isOpen() && ask());
  input.addEventListener("blur", () => setTimeout(() => document.activeElement !== input && close(), 120));
  input.form.addEventListener("submit", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  list.addEventListener("click", (event) => {
    const item = event.target.closest("[role=option]");
    if (item) take(item);
  });
}
