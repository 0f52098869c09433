/** The list of sessions: moving in it, opening one beside it, rows that came or changed. It is a snapshot: rows stay. */
import { paint } from "../keys.js";
import { announce, say } from "../page.js";
import { toast } from "../toast.js";
import { forget, fragment, part, prefetch, take } from "./load.js";
import { afterPaint } from "./paint.js";
import * as transcript from "./transcript.js";

const AHEAD = 3; // sessions that wait parsed, so that the next one is there when the key is pressed

let asked = null;

const list = () => document.getElementById("rows");
export const rows = () => [...(list()?.querySelectorAll(".row") ?? [])];
export const current = () => list()?.querySelector('.row[aria-current="true"]') ?? null;
export const rowOf = (id) => document.getElementById(`row-${id}`);
const narrow = () => matchMedia("(max-width: 47.5rem)").matches;

function mark(row) {
  for (const other of list()?.querySelectorAll('.row[aria-current="true"]') ?? []) other.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
  row?.scrollIntoView({ block: "nearest" });
  const progress = document.getElementById("progress");
  if (progress) progress.textContent = row ? `${rows().indexOf(row) + 1} / ${list().dataset.count}` : "";
}

/**
 * Open the session (or turn) at `url` beside the list. A prefetched one is shown at once, in the task of the key.
 * `focus`: the transcript takes the focus. `news`: what is said before its heading.
 */
export function open(url, { row = null, focus = false, news = "" } = {}) {
  asked?.abort();
  const mine = (asked = new AbortController());
  const began = window.event?.timeStamp ?? performance.now();
  if (row) mark(row);
  const how = { url, focus, news, began };
  const content = take(url, "session");
  if (content) {
    asked = null;
    document.getElementById("session").ariaBusy = "false";
    show(content, how);
    return Promise.resolve();
  }
  if (row) sketch(row);
  return wait(url, mine, row, how);
}

async function wait(url, mine, row, how) {
  const place = document.getElementById("session");
  place.ariaBusy = "true";
  try {
    const content = fragment(await part(url, "session", mine.signal));
    if (!mine.signal.aborted) show(content, how);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 404) row?.classList.add("gone");
    stay();
    toast(say(error.status ? "failed" : "offline"), { kind: "bad", key: "session" });
  } finally {
    if (asked === mine) place.ariaBusy = "false";
  }
}

/** What the row already knows of a session that is still under way. */
function sketch(row) {
  const sender = document.getElementById("sender");
  const box = transcript.script();
  if (!sender || !box) return;
  box.dataset.sender ??= sender.textContent;
  sender.textContent = row.querySelector("b")?.textContent ?? "";
  box.classList.add("under-way"); // not to be judged: it is still the one before
}

/** It did not come: the one before is still open, and says so. */
function stay() {
  const box = transcript.script();
  if (!box?.classList.contains("under-way")) return;
  document.getElementById("sender").textContent = box.dataset.sender;
  delete box.dataset.sender;
  box.classList.remove("under-way");
  mark(rowOf(box.dataset.session));
}

function show(content, { url, focus, news, began }) {
  const place = document.getElementById("session");
  const side = content.querySelector("#side");
  const hadFocus = place.contains(document.activeElement);
  document.getElementById("side").replaceChildren(...(side?.childNodes ?? []));
  document.getElementById("side").scrollTop = 0;
  side?.remove();
  place.replaceChildren(content);
  paint(place);
  if (!document.querySelector(".at-session")) document.querySelector(".sessions").classList.replace("at-list", "at-session");
  history.replaceState(history.state, "", url);
  transcript.opened();
  if (focus || hadFocus) transcript.script()?.focus({ preventScroll: true });
  tellReady();
  const sender = document.getElementById("sender")?.textContent ?? "";
  const said = [news, sender, document.getElementById("place")?.textContent];
  announce(said.filter(Boolean).map((text) => text.replace(/[.\s]+$/u, "")).join(". "));
  document.title = [sender, ...document.title.split(" · ").slice(-2)].join(" · ");
  afterPaint(() => {
    performance.measure("session:painted", { start: began }); // from the key to the picture
    window.htmx?.process(place);
    document.dispatchEvent(new CustomEvent("session:opened"));
    prefetchNext();
  });
}

/** The next ones to be judged, and the one after this in the list, parsed and at hand. */
export async function prefetchNext() {
  const all = rows();
  const at = all.indexOf(current());
  const wanted = [all[at + 1], ...upcoming(at).slice(0, AHEAD)];
  tellReady();
  for (const row of new Set(wanted)) {
    if (!row?.isConnected) continue;
    await prefetch(row.href, "session").catch(() => {});
    row.dataset.ready = "";
    tellReady();
  }
  if (all.length - at < 8) document.getElementById("more")?.click();
}

/** The toolbar says which session is next and at hand: for tests, and for whoever wonders. */
function tellReady() {
  const bar = document.getElementById("judge");
  if (!bar) return;
  const next = nextToJudge();
  if (next?.dataset.ready !== undefined) bar.dataset.next = next.dataset.id;
  else delete bar.dataset.next;
}

/** Rows after `at` that are still to be judged: not those judged since, nor what a colleague has open. */
function upcoming(at) {
  return rows().slice(at + 1).filter((row) => row.dataset.judged === undefined && row.dataset.open === undefined);
}

/** The row to judge next; null at the end of what is loaded. */
export function nextToJudge() {
  return upcoming(rows().indexOf(current()))[0] ?? null;
}

export function step(direction) {
  const all = rows();
  const at = all.indexOf(current());
  const row = all[at < 0 ? 0 : at + direction];
  if (!row) return;
  const hadFocus = list().contains(document.activeElement);
  open(row.href, { row });
  if (hadFocus) row.focus({ preventScroll: true });
}

/** Out of the transcript, back to the list. */
export function back() {
  if (transcript.closeSheet()) return;
  const link = document.querySelector("[data-back]");
  if (narrow()) link?.click();
  else (current() ?? rows().at(0))?.focus();
}

/** A row was judged: it stays where it is, dimmed, with its verdict. */
export function judged(row, verdict, label) {
  if (!row) return;
  row.dataset.judged = verdict;
  row.dataset.status = "reviewed";
  const chips = row.querySelector(".chips");
  chips.querySelector(".verdict")?.remove();
  const chip = Object.assign(document.createElement("span"), { className: `chip verdict ${verdict === "broke" ? "bad" : "good"}`, textContent: label });
  chips.prepend(chip);
}

function replace(row) {
  const old = document.getElementById(row.id);
  if (!old) return;
  if (old.getAttribute("aria-current")) row.setAttribute("aria-current", "true");
  if (old.dataset.selected !== undefined) row.dataset.selected = "";
  // Judged while the list is open, here or by a colleague: *next* goes past it.
  const isDone = row.dataset.status === "reviewed";
  if (isDone && (old.dataset.judged !== undefined || old.dataset.status !== "reviewed")) row.dataset.judged = row.dataset.verdict;
  const focused = document.activeElement === old;
  row.classList.add("fresh");
  forget(old.href); // fetched again, and in the meantime there
  if (old.dataset.ready !== undefined) prefetch(row.href, "session").then(() => (row.dataset.ready = ""), () => {});
  old.replaceWith(row);
  if (focused) row.focus({ preventScroll: true });
}

function showClaims(claims) {
  const names = new Map();
  for (const item of claims.children) names.set(item.dataset.session, [...(names.get(item.dataset.session) ?? []), item.textContent]);
  list().dataset.claims = claims.dataset.claims;
  for (const row of rows()) {
    const chip = row.querySelector(".chip.open");
    const who = names.get(row.dataset.id);
    chip.hidden = !who;
    chip.querySelector("bdi").textContent = who?.join(", ") ?? "";
    if (who) row.dataset.open = "";
    else delete row.dataset.open;
  }
}

/** The list's part of a poll: rows in place, who has which open, and the bar that says how many wait. */
export function apply(html) {
  const content = fragment(html);
  const news = content.querySelector("[data-news]");
  const claims = content.querySelector("[data-claims]");
  for (const row of content.querySelectorAll(".row")) replace(row);
  if (list()?.dataset.reload !== undefined && Number(news?.dataset.news)) return location.reload(); // the first one ever
  if (claims) showClaims(claims);
  prefetchNext(); // another one may be next by now
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
  open(link.getAttribute("href"), { row: row ?? (id ? rowOf(id) : current()) });
});
