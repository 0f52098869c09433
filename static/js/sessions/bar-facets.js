/** The drawer of conditions with counts: arrow-down in the bar, a button, a key. What it changes stands in the bar at once. */
import { isOpen } from "./bar-complete.js";

const input = document.getElementById("query");
const drawer = document.getElementById("facets");
const body = document.getElementById("facets-body");

function open() {
  if (drawer.open) return;
  const url = new URL(body.dataset.url, location.href);
  url.searchParams.set("q", input.value.trim());
  drawer.showModal();
  window.htmx.ajax("GET", url.pathname + url.search, { target: body, swap: "innerHTML" }).then(() => {
    if (drawer.contains(document.activeElement) && !body.contains(document.activeElement)) body.querySelector("[role=checkbox], .facet-name")?.focus();
  });
}

/** Among names and values, in the order in which they are seen. */
function move(step) {
  const places = [...body.querySelectorAll("[role=checkbox], .facet-name")];
  const row = document.activeElement.closest("li")?.querySelector("[role=checkbox]") ?? document.activeElement;
  const at = places.indexOf(row);
  places[Math.max(0, Math.min(places.length - 1, at + step))]?.focus();
}

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "-" || event.key === "Delete") document.activeElement.closest("li")?.querySelector(".exclude")?.click();
  else return;
  event.preventDefault();
}

if (drawer) {
  drawer.addEventListener("keydown", onKey);
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer || event.target.closest("[data-close]")) drawer.close();
  });
  // Nothing is lost by closing: the bar holds it, Enter runs it.
  drawer.addEventListener("close", () => input.focus());
  body.addEventListener("htmx:afterSwap", () => {
    const asked = body.querySelector("[data-q]");
    if (asked) input.value = asked.dataset.q;
    body.classList.remove("failed");
  });
  let timer = 0;
  drawer.querySelector("#facets-find").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => document.getElementById("facets-form")?.requestSubmit(), 200);
  });
  for (const name of ["htmx:responseError", "htmx:sendError"]) body.addEventListener(name, () => body.classList.add("failed"));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || event.defaultPrevented || event.isComposing || event.altKey || isOpen()) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.('[data-action="facets"]');
    if (!opener || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
}
