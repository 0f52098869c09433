/** A small list to choose from by digit, by typing, or by hand; at the thumb, above the toolbar. Focus comes back. */
import { nameOf } from "../keys.js";

const box = () => document.getElementById("chooser");
const input = () => document.getElementById("chooser-input");
const list = () => document.getElementById("chooser-list");
const MOST = 60;

let now = null; // what is being chosen
let shown = [];
let active = -1;
let before = null;

export const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * `items`: [{id, label, hint, on}] or a promise of them. `pick(item)`; `create(text)` for a name that is not among them;
 * `empty()` for Enter without a choice. `newLabel` names the line that creates ("Create “%s”").
 */
export function choose({ title, items, pick, create = null, empty = null, emptyLabel = "", newLabel = "%s" }) {
  close();
  now = { items: [], promise: Promise.resolve(items), pick, create, empty, emptyLabel, newLabel };
  before = document.activeElement;
  document.getElementById("chooser-title").textContent = title;
  input().value = "";
  box().hidden = false;
  box().ariaBusy = "true";
  draw();
  input().focus();
  const mine = now;
  now.promise.then(
    (found) => {
      if (now !== mine) return;
      box().ariaBusy = "false";
      now.items = found;
      draw();
    },
    () => now === mine && (box().ariaBusy = "false"),
  );
}

export const isOpen = () => Boolean(now);

export function close() {
  if (!now) return;
  now = null;
  box().hidden = true;
  if (before?.isConnected && before !== document.body) before.focus({ preventScroll: true });
  else if (document.activeElement === input()) document.getElementById("script")?.focus({ preventScroll: true });
}

function matching() {
  const text = fold(input().value.trim());
  if (!text) return now.items.slice(0, MOST);
  const hits = now.items.filter((item) => fold(item.label).includes(text));
  return hits.sort((one, other) => fold(other.label).startsWith(text) - fold(one.label).startsWith(text)).slice(0, MOST);
}

function draw() {
  const text = input().value.trim();
  shown = matching();
  if (text && now.create && !now.items.some((item) => item.label === text)) shown.push({ label: now.newLabel.replace("%s", text), text, isNew: true });
  if (!text && now.empty && now.emptyLabel) shown.push({ label: now.emptyLabel, isEmpty: true });
  list().replaceChildren(...shown.map(option));
  mark(text ? 0 : -1);
}

function option(item, index) {
  const element = document.createElement("div");
  element.setAttribute("role", "option");
  element.id = `chooser-${index}`;
  element.dataset.index = index;
  const kbd = Object.assign(document.createElement("kbd"), { ariaHidden: "true", textContent: item.isEmpty ? "↵" : index < 9 && !input().value ? String(index + 1) : "" });
  const label = Object.assign(document.createElement("bdi"), { textContent: item.label });
  element.append(kbd, label);
  if (item.on) element.append(Object.assign(document.createElement("small"), { className: "on", textContent: `✓ ${item.on}` }));
  else if (item.hint) element.append(Object.assign(document.createElement("small"), { textContent: item.hint }));
  return element;
}

function mark(index) {
  active = shown.length ? Math.max(-1, Math.min(index, shown.length - 1)) : -1;
  const options = list().querySelectorAll("[role=option]");
  options.forEach((each, at) => each.setAttribute("aria-selected", String(at === active)));
  if (active >= 0) {
    input().setAttribute("aria-activedescendant", options[active].id);
    options[active].scrollIntoView({ block: "nearest" });
  } else input().removeAttribute("aria-activedescendant");
}

function take(item) {
  const { pick, create, empty } = now;
  close();
  if (item.isEmpty) empty();
  else if (item.isNew) create(item.text);
  else pick(item);
}

/** A digit before the items came: the choice is made, whatever they are; the next key is for the page again. */
function early(number) {
  const { promise, pick } = now;
  close();
  promise.then((found) => found[number - 1] && pick(found[number - 1]), () => {});
}

function digit(number) {
  const item = shown[number - 1];
  if (item && number <= 9) take(item);
}

function onKey(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const name = nameOf(event);
  if (/^[1-9]$/.test(name) && !input().value && !event.ctrlKey && !event.metaKey && !event.altKey) {
    if (box().ariaBusy === "true") early(Number(name));
    else digit(Number(name));
  } else if (name === "Escape") close();
  else if (name === "ArrowDown") mark(active + 1);
  else if (name === "ArrowUp") mark(active - 1);
  else if (name === "Enter") {
    if (shown[active]) take(shown[active]);
    else if (now.empty) take({ isEmpty: true });
  } else if (name === "Tab") {
    close();
    return;
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

if (box()) {
  input().addEventListener("input", () => now && draw());
  box().addEventListener("keydown", (event) => now && onKey(event));
  list().addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  list().addEventListener("click", (event) => {
    const element = event.target.closest("[role=option]");
    if (element) take(shown[Number(element.dataset.index)]);
  });
  document.addEventListener("pointerdown", (event) => {
    if (now && !box().contains(event.target)) {
      before = null;
      close();
    }
  });
}
