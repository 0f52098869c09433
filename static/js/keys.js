/**
 * The registry of actions and the keys that run them.
 *
 * An action comes from the server's table (id, key, label, group). What it does is the click of the first visible
 * `[data-action="id"]`, unless a script registers its own `run`. It is there when its element is, or when `when()` says so.
 * One plain key, or two one after the other ("g s"). Never with Ctrl, Alt or Meta, in a field, in composition, or behind a dialog.
 */
import { actions as table } from "./page.js";

const STORE = "enterprise.keys";
const PATIENCE = 1500; // ms between the two keys of "g s"
const FIELD = "input:not([type=checkbox],[type=radio],[type=button],[type=submit],[type=reset]), textarea, select, [contenteditable]:not([contenteditable=false])";
const PRESSABLE = "a[href], button, summary, [role=button], [role=option], input[type=checkbox], input[type=radio]";

const registry = new Map(table.map((action) => [action.id, { ...action }]));
const captors = [];
let pending = "";
let timer = 0;
let own = load();

function load() {
  try {
    return { off: false, keys: {}, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return { off: false, keys: {} }; // no storage, or not ours: the defaults
  }
}

function save() {
  try {
    localStorage.setItem(STORE, JSON.stringify(own));
  } catch {
    // private mode: it lasts as long as the page
  }
  paint();
}

/** Add to an action of the table, or add one: {id, run?, when?, repeat?, key?, label?, group?}. */
export function register(action) {
  registry.set(action.id, { ...registry.get(action.id), ...action });
}

/** The visible element that does it, if any. */
export function elementOf(id) {
  return [...document.querySelectorAll(`[data-action="${CSS.escape(id)}"]`)].find(
    (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled && element.ariaDisabled !== "true",
  );
}

export function available(action) {
  if (action.when) return Boolean(action.when());
  return Boolean(action.run || elementOf(action.id));
}

export function run(action) {
  if (action.run) return action.run();
  const element = elementOf(action.id);
  if (!element) return undefined;
  if (element.matches(FIELD)) {
    element.focus();
    return element.select?.();
  }
  return element.click();
}

/** Every action known, in the table's order; `available` tells which can be run here and now. */
export function all() {
  return [...registry.values()];
}

export function keyOf(id) {
  return own.keys[id] ?? registry.get(id)?.key ?? "";
}

export function enabled() {
  return !own.off;
}

export function enable(on) {
  own.off = !on;
  save();
}

/** Give an action another key ("" = none, null = the house's own again). */
export function remap(id, key) {
  if (key === null) delete own.keys[id];
  else own.keys[id] = key;
  save();
}

/** Which other action of the same group, or of those that are everywhere, has this key (or begins with it). */
export function clash(id, key) {
  const group = registry.get(id)?.group;
  const everywhere = registry.get("palette")?.group;
  const go = registry.get("go-profile")?.group;
  const shared = (other) => other.group === group || [everywhere, go].includes(other.group) || [everywhere, go].includes(group);
  const same = (other) => other === key || other.startsWith(`${key} `) || key.startsWith(`${other} `);
  return all().find((other) => other.id !== id && keyOf(other.id) && shared(other) && same(keyOf(other.id)));
}

/** The next keys go to `handler(name, event)` first: true = taken. Returns the function that ends it. */
export function capture(handler) {
  captors.push(handler);
  return () => {
    const at = captors.indexOf(handler);
    if (at >= 0) captors.splice(at, 1);
  };
}

/** The key's name: digits by place, letters by what is printed, by place where the layout is not Latin. */
export function nameOf({ key, code, shiftKey }) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code);
  if (digit && !shiftKey && key.length === 1) return digit[1];
  if (/^\p{L}$/u.test(key) && !/\p{Script=Latin}/u.test(key)) {
    const place = /^Key([A-Z])$/.exec(code);
    if (place) return shiftKey ? place[1] : place[1].toLowerCase();
  }
  // Caps Lock is not Shift.
  if (/^[a-z]$/i.test(key)) return shiftKey ? key.toUpperCase() : key.toLowerCase();
  return key;
}

function find(name) {
  return all().find((action) => keyOf(action.id) === name && available(action));
}

function wait(prefix) {
  clearTimeout(timer);
  pending = prefix;
  document.documentElement.classList.toggle("key-pending", Boolean(prefix));
  if (prefix) timer = setTimeout(wait, PATIENCE, "");
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.getModifierState("AltGraph")) return;
  if (["Shift", "CapsLock", "Dead", "Unidentified"].includes(event.key)) return;
  if (document.querySelector("dialog:modal")) return;
  const name = nameOf(event);
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest(FIELD)) {
    if (name === "Escape") {
      target.blur();
      document.getElementById("main")?.focus({ preventScroll: true });
      event.preventDefault();
    }
    return;
  }
  if (captors.length && captors.at(-1)(name, event) === true) {
    event.preventDefault();
    return;
  }
  if (["Enter", " "].includes(name) && target.closest(PRESSABLE)) return;
  if (own.off && name.length === 1) return;
  const whole = pending ? `${pending} ${name}` : name;
  const action = find(whole);
  if (action) {
    wait("");
    if (event.repeat && !action.repeat) return;
    event.preventDefault();
    run(action);
  } else if (!pending && all().some((other) => keyOf(other.id).startsWith(`${name} `) && available(other))) {
    event.preventDefault();
    wait(name);
  } else if (pending) {
    if (name === "Escape") event.preventDefault();
    wait("");
  }
}

/** Write the person's own keys into every `[data-key-of]`, and tell assistive technology about them. */
export function paint(root = document) {
  document.documentElement.classList.toggle("keys-off", own.off);
  for (const kbd of root.querySelectorAll("[data-key-of]")) {
    kbd.textContent = keyOf(kbd.dataset.keyOf);
    kbd.hidden = !kbd.textContent;
  }
  for (const element of root.querySelectorAll("[data-action]")) {
    const key = keyOf(element.dataset.action);
    if (key && !own.off) element.setAttribute("aria-keyshortcuts", key);
    else element.removeAttribute("aria-keyshortcuts");
  }
}

/** A key as it is written for people. */
export function spell(key) {
  return { Escape: "Esc", " ": "Space", ArrowUp: "↑", ArrowDown: "↓" }[key] ?? key;
}

document.addEventListener("keydown", onKey);
document.addEventListener("htmx:load", (event) => paint(event.target.parentElement ?? document));
window.addEventListener("storage", (event) => {
  if (event.key !== STORE) return;
  own = load();
  paint();
});
paint();
