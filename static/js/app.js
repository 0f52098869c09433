/** The shell of every page. Pages add modules of their own and import from these. */
import "./keys.js";
import "./toast.js";
import "./theme.js";
import "./palette.js";
import "./copy.js";
import "./sheet.js";
import "./zone.js";
import { announce } from "./page.js";

document.documentElement.classList.add("js");

// A part that is polled is spoken when what it says changes, not each time it counts a second on.
const said = new Map([...document.querySelectorAll("[data-announce][id]")].map((part) => [part.id, part.dataset.announce]));
document.addEventListener("htmx:load", ({ target }) => {
  const part = target.closest?.("[data-announce]");
  if (!part?.id) return;
  const state = part.dataset.announce;
  if (said.has(part.id) && said.get(part.id) !== state) announce(part.querySelector(".status, p")?.textContent.trim() ?? "");
  said.set(part.id, state);
});
