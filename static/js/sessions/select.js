/** Selected rows: `x` this one, `X` up to here, `*` all that are loaded; Escape lets go. */
import { announce } from "../page.js";
import { current, rows } from "./list.js";

let last = null;

const chosen = () => rows().filter((row) => row.dataset.selected !== undefined);

function tell() {
  const n = chosen().length;
  const text = document.getElementById("judge").dataset.saysSelected.replace("%s", n);
  const place = document.getElementById("selected");
  place.hidden = !n;
  place.querySelector("[data-says]").textContent = text;
  announce(text);
  document.dispatchEvent(new CustomEvent("sessions:selected", { detail: chosen().map((row) => row.dataset.id) }));
}

export function toggle() {
  const row = current();
  if (!row) return;
  row.toggleAttribute("data-selected");
  last = row.dataset.id;
  tell();
}

export function upTo() {
  const all = rows();
  const to = all.indexOf(current());
  const from = Math.max(0, all.findIndex((row) => row.dataset.id === last));
  for (const row of all.slice(Math.min(from, to), Math.max(from, to) + 1)) row.dataset.selected = "";
  last = current()?.dataset.id ?? null;
  tell();
}

export function all() {
  const isAll = chosen().length === rows().length;
  for (const row of rows()) row.toggleAttribute("data-selected", !isAll);
  tell();
}

/** True when there was something to let go. */
export function clear() {
  if (!chosen().length) return false;
  for (const row of chosen()) delete row.dataset.selected;
  tell();
  return true;
}
