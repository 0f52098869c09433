/**
 * What is new, by revision and never by time: every 700 ms, slower where
 * nobody looks. One request of a kind at a time; a server that does not answer is asked less and less often.
 */
import { paint } from "../keys.js";
import { told } from "./judge.js";
import { apply as applyToList, rows } from "./list.js";
import { fragment, part } from "./load.js";
import { refreshSide, script, unseen } from "./transcript.js";

const POLL = 700; // ms
const HIDDEN = 15_000;
const LONGEST = 30_000;
const MAX_ROWS = 300;

let failures = 0;

function url(base, parameters) {
  const address = new URL(base, location.href);
  for (const [name, value] of Object.entries(parameters)) if (value !== "") address.searchParams.set(name, value);
  return address.href;
}

function parseKey(text) {
  const [timestamp, rank, hash] = text.split("~");
  return [Number(timestamp), Number(rank), hash];
}

function before(one, other) {
  const [a, b] = [parseKey(one), parseKey(other)];
  for (let index = 0; index < 3; index += 1) if (a[index] !== b[index]) return a[index] < b[index];
  return false;
}

/** The turns of the open session (those of earlier ones, unfolded above, do not change by it). */
function ownTurns(box) {
  return [...box.querySelectorAll(`.turn[data-of="${box.dataset.session}"]`)];
}

async function pollTranscript() {
  const box = script();
  if (!box || box.dataset.gone !== undefined) return;
  const own = ownTurns(box);
  const atEnd = Boolean(box.querySelector("[data-end]"));
  const html = await partOrGone(
    box,
    url(box.dataset.poll, {
      revision: box.dataset.revision,
      stamp: box.dataset.stamp,
      open: document.getElementById("judged")?.dataset.open || "-",
      seen: box.dataset.seen ?? Math.max(0, ...own.map((turn) => Number(turn.dataset.seen))),
      first: own[0]?.dataset.key ?? "0.0~0~",
      last: atEnd ? "" : (own.at(-1)?.dataset.last ?? ""),
    }),
  );
  if (html && box.isConnected) applyToTranscript(box, html);
}

/** The part, or nothing for good when the session is gone: a late event may have joined it to another. */
async function partOrGone(box, address) {
  try {
    return await part(address, "script");
  } catch (error) {
    if (error.status !== 404) throw error;
    box.dataset.gone = "";
    return "";
  }
}

function isAtEnd(scroller) {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
}

function applyToTranscript(box, html) {
  const content = fragment(html);
  const head = content.querySelector("#poll");
  if (head.dataset.other !== undefined) return location.reload();
  const scroller = box.scrollHeight > box.clientHeight + 1 ? box : document.scrollingElement;
  const wasAtEnd = isAtEnd(scroller) && Boolean(box.querySelector("[data-end]"));
  box.dataset.revision = head.dataset.revision;
  box.dataset.seen = head.dataset.seen;
  judgedAnew(box, head);
  document.getElementById("facts")?.replaceChildren(...(head.firstElementChild?.childNodes ?? []));
  const fresh = [...content.querySelectorAll(".turn")];
  if (!fresh.length) return undefined;
  paint(content);
  const top = scroller === box ? box.getBoundingClientRect().top : 0;
  const anchor = ownTurns(box).find((turn) => turn.getBoundingClientRect().bottom > top);
  const anchorAt = anchor?.getBoundingClientRect().top;
  let isNew = false;
  let sideIsOld = false;
  const kept = new Set(fresh.map((turn) => turn.id));
  for (const turn of ownTurns(box)) {
    const key = turn.dataset.key;
    const inside = !before(key, fresh[0].dataset.key) && (!head.dataset.last || !before(head.dataset.last, key));
    if (inside && !kept.has(turn.id)) turn.remove(); // a late event moved its beginning
  }
  let place = ownTurns(box).filter((turn) => before(turn.dataset.key, fresh[0].dataset.key)).at(-1);
  for (const turn of fresh) {
    const old = document.getElementById(turn.id);
    if (old?.dataset.version === turn.dataset.version) {
      place = old;
      continue;
    }
    if (!wasAtEnd || document.hidden) unseen(turn, old?.dataset.counts ?? old?.dataset.seen ?? 0);
    if (old) {
      if (old.getAttribute("aria-current")) {
        turn.setAttribute("aria-current", "true");
        sideIsOld = true;
      }
      turn.classList.toggle("unfolded", old.classList.contains("unfolded"));
      const focused = document.activeElement === old;
      old.replaceWith(turn);
      if (focused) turn.focus({ preventScroll: true });
    } else {
      turn.classList.add("arrived");
      const end = box.querySelector("[data-end]");
      const first = ownTurns(box)[0];
      if (place) place.after(turn);
      else if (first) first.before(turn);
      else if (end) end.before(turn);
      else box.append(turn);
      isNew = true;
    }
    place = turn;
  }
  if (wasAtEnd) scroller.scrollTop = scroller.scrollHeight;
  else if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - anchorAt;
  document.getElementById("to-end").hidden = wasAtEnd || !isNew || isAtEnd(scroller);
  if (sideIsOld) refreshSide();
  const strip = document.getElementById("strip");
  if (strip && window.htmx) window.htmx.trigger(strip, "strip-stale");
  return undefined;
}

/** What people said of the session since: its head, and the side where it tells the history. */
function judgedAnew(box, head) {
  const old = document.getElementById("judged");
  const fresh = head.querySelector("#judged");
  if (!old || !fresh) return;
  const before = { ...old.dataset };
  const isSaid = box.dataset.stamp !== head.dataset.stamp;
  box.dataset.stamp = head.dataset.stamp;
  old.replaceWith(fresh);
  if (!isSaid) return;
  told(before, head.dataset.by);
  refreshSide();
}

async function pollList() {
  const list = document.getElementById("rows");
  if (!list || list.dataset.later !== undefined) return; // a later page by link: above it everything would be new
  const known = rows().slice(0, MAX_ROWS).map((row) => `${row.dataset.id}.${row.dataset.revision}`);
  const news = document.getElementById("news")?.dataset.n ?? "0";
  const html = await part(url(list.dataset.poll, { rows: known.join(","), news, claims: list.dataset.claims ?? "" }), "rows");
  if (html && list.isConnected) applyToList(html);
}

function state(ok) {
  failures = ok ? 0 : failures + 1;
  const live = document.getElementById("live");
  if (!live) return;
  const stale = failures > 1;
  live.classList.toggle("stale", stale);
  const text = stale ? live.dataset.stale : live.dataset.live;
  const words = live.querySelector("[data-state]");
  if (words.textContent !== text) words.textContent = text;
}

function every(milliseconds, poll) {
  let timer = 0;
  const again = () => {
    const wait = document.hidden ? HIDDEN : milliseconds;
    timer = setTimeout(run, Math.min(LONGEST, wait * 2 ** Math.min(failures, 6)));
  };
  const run = async () => {
    try {
      await poll();
      state(true);
    } catch {
      state(false);
    }
    again();
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) again();
    else run();
  });
  again();
}

/** Begin to look. */
export function start() {
  if (script()) every(POLL, pollTranscript);
  else document.addEventListener("session:opened", () => every(POLL, pollTranscript), { once: true });
  every(POLL, pollList);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#to-end");
    if (!button) return;
    event.preventDefault();
    const box = script();
    const scroller = box.scrollHeight > box.clientHeight + 1 ? box : document.scrollingElement;
    scroller.scrollTop = scroller.scrollHeight;
    button.hidden = true;
  });
  // Scrolled there by hand: the announcement has done its work.
  document.addEventListener(
    "scroll",
    (event) => {
      if (event.target === script() && isAtEnd(event.target)) document.getElementById("to-end").hidden = true;
    },
    { capture: true, passive: true },
  );
}
