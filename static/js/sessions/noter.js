/** A note on the session or the turn; `@` offers people. */
import { fold } from "./chooser.js";

const box = () => document.getElementById("noter");
const field = () => document.getElementById("noter-text");
const list = () => document.getElementById("noter-people");

let save = null;
let people = [];
let shown = [];
let active = 0;
let before = null;

/** `done(text)` gets what was written; `names`: a promise of people's names. */
export function write({ title, names, done, text = "" }) {
  before = document.activeElement;
  save = done;
  document.getElementById("noter-title").textContent = title;
  box().hidden = false;
  field().value = text;
  offer();
  field().focus();
  Promise.resolve(names).then((found) => (people = found), () => {});
}

export const isOpen = () => Boolean(save);

export function close() {
  if (!save) return;
  save = null;
  box().hidden = true;
  if (before?.isConnected && before !== document.body) before.focus({ preventScroll: true });
  else document.getElementById("script")?.focus({ preventScroll: true });
}

function asked() {
  const upto = field().value.slice(0, field().selectionStart);
  return /(?:^|[\s(])@([\w.+-]*)$/u.exec(upto)?.[1] ?? null;
}

function offer() {
  const text = asked();
  shown = text === null ? [] : people.filter((name) => fold(name).startsWith(fold(text))).slice(0, 6);
  active = 0;
  list().hidden = !shown.length;
  list().replaceChildren(
    ...shown.map((name, index) => {
      const element = Object.assign(document.createElement("div"), { id: `noter-${index}` });
      element.setAttribute("role", "option");
      element.setAttribute("aria-selected", String(index === active));
      element.append(Object.assign(document.createElement("bdi"), { textContent: name }));
      return element;
    }),
  );
}

function complete(name) {
  const at = field().selectionStart;
  const start = at - asked().length;
  field().setRangeText(`${name} `, start, at, "end");
  offer();
}

function submit() {
  const text = field().value.trim();
  const done = save;
  close();
  if (text) done(text);
}

function onKey(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const options = list().querySelectorAll("[role=option]");
  if (event.key === "Escape") {
    if (shown.length) {
      shown = [];
      list().hidden = true;
    } else close();
  } else if (shown.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    active = (active + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % shown.length;
    options.forEach((each, at) => each.setAttribute("aria-selected", String(at === active)));
  } else if (shown.length && (event.key === "Enter" || event.key === "Tab") && !event.shiftKey) complete(shown[active]);
  else if (event.key === "Enter" && !event.shiftKey && event.target === field()) submit();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// What is being written is not lost by an ended login: it is kept when it is sent (queue.js).
document.addEventListener("signed-out", (event) => save && event.preventDefault());

if (box()) {
  box().addEventListener("keydown", (event) => save && onKey(event));
  field().addEventListener("input", offer);
  box().addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  list().addEventListener("pointerdown", (event) => event.preventDefault());
  list().addEventListener("click", (event) => {
    const element = event.target.closest("[role=option]");
    if (element) complete(element.textContent);
  });
}
