/** The list of sessions: moving in it, opening one beside it, rows that came or changed. */
import { paint } from "../keys.js";
import { announce, say } from "../page.js";
import { toast } from "../toast.js";
import { forget, fragment, part, prefetch } from "./load.js";
import * as transcript from "./transcript.js";

let asked = null;

const list = () => document.getElementById("rows");
export const rows = () => [...(list()?.querySelectorAll(".row") ?? [])];
export const current = () => list()?.querySelector('.row[aria-current="true"]') ?? null;
const narrow = () => matchMedia("(max-width: 47.5rem)").matches;

function mark(row) {
  for (const other of rows()) other.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
  row?.scrollIntoView({ block: "nearest" });
}

/** Open the session (or turn) at `url` beside the list. */
export async function open(url, { row = null } = {}) {
  asked?.abort();
  const mine = (asked = new AbortController());
  const place = document.getElementById("session");
  if (row) mark(row);
  place.ariaBusy = "true";
  try {
    const content = fragment(await part(url, "session", mine.signal));
    if (mine.signal.aborted) return;
    const side = content.querySelector("#side");
    document.getElementById("side").replaceChildren(...(side?.childNodes ?? []));
    document.getElementById("side").scrollTop = 0;
    side?.remove();
    place.replaceChildren(content);
    window.htmx?.process(place);
    paint();
    if (!document.querySelector(".at-session")) document.querySelector(".sessions").classList.replace("at-list", "at-session");
    history.replaceState(history.state, "", url);
    transcript.opened();
    const sender = document.getElementById("sender")?.textContent ?? "";
    announce(sender);
    document.title = [sender, ...document.title.split(" · ").slice(-2)].join(" · ");
    document.dispatchEvent(new CustomEvent("session:opened"));
    prefetchNext();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 404) row?.classList.add("gone");
    toast(say(error.status ? "failed" : "offline"), { kind: "bad", key: "session" });
  } finally {
    if (asked === mine) place.ariaBusy = "false";
  }
}

function prefetchNext() {
  const all = rows();
  const next = all[all.indexOf(current()) + 1];
  if (next && !narrow()) setTimeout(() => prefetch(next.href, "session"), 120);
}

export function step(direction) {
  const all = rows();
  const at = all.indexOf(current());
  const row = all[at < 0 ? 0 : at + direction];
  if (!row) return;
  const hadFocus = list().contains(document.activeElement);
  open(row.href, { row });
  if (hadFocus) row.focus({ preventScroll: true });
  // Near the end of what is loaded: fetch the next page.
  if (direction > 0 && all.length - at < 8) document.getElementById("more")?.click();
}

/** Out of the transcript, back to the list. */
export function back() {
  if (transcript.closeSheet()) return;
  const link = document.querySelector("[data-back]");
  if (narrow()) link?.click();
  else (current() ?? rows().at(0))?.focus();
}

/** The list's part of a poll: rows in place, and the bar that says how many wait. */
export function apply(html) {
  const content = fragment(html);
  const news = content.querySelector("[data-news]");
  for (const row of content.querySelectorAll(".row")) {
    const old = document.getElementById(row.id);
    if (!old) continue;
    if (old.getAttribute("aria-current")) row.setAttribute("aria-current", "true");
    const focused = document.activeElement === old;
    row.classList.add("fresh");
    old.replaceWith(row);
    if (focused) row.focus({ preventScroll: true });
    forget();
  }
  if (list()?.dataset.reload !== undefined && Number(news?.dataset.news)) return location.reload(); // the first one ever
  const bar = document.getElementById("news");
  if (!bar || !news) return undefined;
  const n = Number(news.dataset.news);
  if (n && bar.dataset.n !== String(n)) {
    bar.querySelector("[data-says]").textContent = news.textContent;
    announce(news.textContent);
  }
  bar.dataset.n = String(n);
  bar.hidden = !n;
  return undefined;
}

/** A click on the strip: to the mark nearest to it, here or on another page of the session. */
function visit(y) {
  const distance = (mark) => Math.abs((mark.getBoundingClientRect().top + mark.getBoundingClientRect().bottom) / 2 - y);
  const [mark] = [...document.querySelectorAll("#strip rect")].sort((one, other) => distance(one) - distance(other));
  const here = mark && document.getElementById(`turn-${mark.dataset.event}`);
  if (here) transcript.choose(here);
  else if (mark) open(mark.dataset.href, { row: current() });
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || narrow()) return;
  const row = event.target.closest?.("#rows .row");
  const other = event.target.closest?.("[data-session-link]");
  if (event.target.closest?.("#strip")) visit(event.clientY);
  const link = row ?? other;
  if (!link) return;
  event.preventDefault();
  const id = other?.dataset.sessionLink;
  open(link.getAttribute("href"), { row: row ?? (id ? document.getElementById(`row-${id}`) : current()) });
});

export { prefetchNext };
