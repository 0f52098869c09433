/** The open transcript: the chosen turn, moving between turns, older and newer pages, the side that follows. */
import { copy } from "../copy.js";
import { paint } from "../keys.js";
import { announce, say } from "../page.js";
import { closeSheet, openSheet } from "../sheet.js";
import { toast } from "../toast.js";
import { fragment, part } from "./load.js";

const TECHNICAL = "enterprise.technical";
const MARKED = ".turn.hit, .turn.trouble";

let asked = null; // the request of the side under way
let pause = 0;
let isStory = false; // the side shows the story up to the chosen turn

export const script = () => document.getElementById("script");
export const chosen = () => script()?.querySelector('.turn[aria-current="true"]') ?? null;
const narrow = () => matchMedia("(max-width: 47.5rem)").matches;
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Turns that can be seen, of all sessions unfolded here. */
function turns() {
  const silent = script()?.classList.contains("technical") ? "" : ":not(.silent)";
  return [...(script()?.querySelectorAll(`.turn${silent}`) ?? [])];
}

/**
 * How far a person who judges now has looked: the highest arrival number (Event.id) of the open session's events that are
 * on the page. Not the session's newest: what stands on pages that nobody loaded, or came below the fold since
 * (`unseen`), is new to the next one who looks. Arrivals are in no order of time, so that all turns on the page count.
 */
export function watermark() {
  const own = script()?.querySelectorAll(`.turn[data-of="${script().dataset.session}"]`) ?? [];
  return Math.max(0, ...[...own].map((turn) => Number(turn.dataset.counts ?? turn.dataset.seen)));
}

/** A turn that came, or grew, while one looks elsewhere: it counts as before (`counts`) until it is in view. */
export function unseen(turn, counts) {
  turn.dataset.counts = counts;
  inView.observe(turn);
}

const inView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    delete target.dataset.counts;
    inView.unobserve(target);
  }
});

/** A turn that has just been opened, or shown by the server: bring it into view. */
export function opened() {
  const box = script();
  if (!box) return;
  technical(sessionStorage.getItem(TECHNICAL) === "1" || box.classList.contains("technical"));
  box.dataset.ready = "";
  if (isStory) {
    document.querySelector('.head [data-action="story"]')?.setAttribute("aria-pressed", "true");
    refreshSide(chosen(), 0);
  }
  const turn = chosen();
  if (turn) bring(turn, { block: "center", smooth: false });
  watch();
}

/** Scroll as little as needed; a turn that does not fit shows its beginning. */
function bring(turn, { block = "nearest", smooth = true } = {}) {
  const scroller = narrow() ? document.scrollingElement : script();
  const fits = turn.offsetHeight < scroller.clientHeight * 0.8;
  turn.scrollIntoView({ block: fits ? block : "start", behavior: smooth && !calm() ? "smooth" : "instant" });
}

/** Make `turn` the chosen one; the side follows, and so does the address. */
export function choose(turn, { focus = false, scroll = true, side = true } = {}) {
  if (!turn) return;
  for (const other of document.querySelectorAll('.turn[aria-current="true"]')) other.removeAttribute("aria-current");
  turn.setAttribute("aria-current", "true");
  if (scroll) bring(turn);
  if (focus || script()?.contains(document.activeElement)) turn.focus({ preventScroll: true });
  history.replaceState(history.state, "", turn.dataset.href);
  if (side) refreshSide(turn);
  document.dispatchEvent(new CustomEvent("turn:chosen"));
}

/** Load the side of `turn`; a pause first, so that holding `n` asks once. */
export function refreshSide(turn = chosen(), wait = 60) {
  clearTimeout(pause);
  asked?.abort();
  if (!turn) return;
  pause = setTimeout(async () => {
    const mine = (asked = new AbortController());
    try {
      const html = await part(isStory ? storyOf(turn) : turn.dataset.href, "side", mine.signal);
      if (mine.signal.aborted) return;
      const side = document.getElementById("side");
      const open = [...side.querySelectorAll("details[open]")].map((each) => each.closest("section")?.className);
      side.innerHTML = html;
      if (open.includes("raw")) side.querySelector(".raw > details").open = true;
      side.scrollTop = 0;
      paint(side);
    } catch (error) {
      if (error.name !== "AbortError") toast(say("failed"), { kind: "bad", key: "side" });
    }
  }, wait);
}

function storyOf(turn) {
  const url = new URL(turn.dataset.href, location.href);
  return `${url.pathname}story/${url.search}`;
}

/** The side tells the story up to the chosen turn, or the turn again. */
export function story() {
  isStory = !isStory;
  document.querySelector('.head [data-action="story"]')?.setAttribute("aria-pressed", String(isStory));
  refreshSide(chosen(), 0);
  if (isStory) openSheet("side");
}

/** Back from the story; false when there was none. */
export function leaveStory() {
  if (!isStory) return false;
  story();
  return true;
}

async function step(direction, selector = ".turn") {
  const all = turns().filter((turn) => turn.matches(selector) || turn === chosen());
  const at = all.indexOf(chosen());
  const next = all[at < 0 ? (direction > 0 ? 0 : all.length - 1) : at + direction];
  if (next) return choose(next);
  const more = script()?.querySelector(direction > 0 ? "[data-newer]" : "[data-older]");
  if (!more) return undefined;
  await load(more);
  const further = turns().filter((turn) => turn.matches(selector) || turn === chosen());
  return choose(further[further.indexOf(chosen()) + direction]);
}

export const nextTurn = () => step(1);
export const previousTurn = () => step(-1);

/** To the next hit or trouble; where none is loaded the strip knows the rest of the session. */
async function jump(direction, open) {
  const all = turns();
  const at = all.indexOf(chosen());
  const rest = direction > 0 ? all.slice(at + 1) : all.slice(0, Math.max(at, 0)).reverse();
  const near = rest.find((turn) => turn.matches(MARKED));
  if (near) return choose(near);
  const edge = all.at(direction > 0 ? -1 : 0);
  const more = script()?.querySelector(direction > 0 ? "[data-newer]" : "[data-older]");
  if (!edge || !more) return undefined;
  const bound = Number((direction > 0 ? edge.dataset.last : edge.dataset.key).split("~")[0]);
  const marks = [...document.querySelectorAll("#strip rect")].sort((one, other) => one.dataset.at - other.dataset.at);
  const beyond = marks.filter((mark) => (direction > 0 ? mark.dataset.at > bound : mark.dataset.at < bound));
  const target = beyond.at(direction > 0 ? 0 : -1);
  return target && open(target.dataset.href);
}

export const nextMarked = (open) => jump(1, open);
export const previousMarked = (open) => jump(-1, open);

/** Replace a link by the page it leads to. What was in view stays where it was. */
export async function load(link) {
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  link.classList.add("htmx-request");
  try {
    const content = fragment(await part(link.href, "turns"));
    if (!link.isConnected) return;
    const scroller = narrow() ? document.scrollingElement : script();
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    const above = link.hasAttribute("data-above");
    paint(content);
    link.replaceWith(content);
    if (above) scroller.scrollTop = scroller.scrollHeight - fromEnd;
    watch();
  } catch {
    link.ariaBusy = "false";
    link.classList.remove("htmx-request");
    toast(say("offline"), { kind: "bad", key: "offline" });
  }
}

const observer = new IntersectionObserver(
  (entries) => entries.forEach((entry) => entry.isIntersecting && load(entry.target)),
  { rootMargin: "400px 0px" },
);

/** Older and newer pages come by themselves when one scrolls near them. */
function watch() {
  observer.disconnect();
  // After a moment: the page first scrolls to its turn.
  setTimeout(() => script()?.querySelectorAll("[data-older], [data-newer]").forEach((link) => observer.observe(link)), 250);
}

function technical(on) {
  const box = script();
  const turn = chosen();
  const before = turn?.getBoundingClientRect().top;
  box?.classList.toggle("technical", on);
  document.querySelector(".technical-switch")?.setAttribute("aria-pressed", String(on));
  if (turn && box?.hasAttribute("data-ready")) (narrow() ? document.scrollingElement : box).scrollTop += turn.getBoundingClientRect().top - before;
}

function showImage(link) {
  const image = new Image();
  image.referrerPolicy = "no-referrer";
  image.alt = link.querySelector("small")?.textContent ?? "";
  const before = [...link.childNodes];
  image.addEventListener("error", () => {
    link.replaceChildren(...before);
    link.classList.remove("shown");
    link.removeAttribute("data-image"); // the next click opens it in a tab of its own
  });
  image.src = link.href;
  link.replaceChildren(image);
  link.classList.add("shown");
}

/** Into the transcript, at the chosen turn. */
export function enter() {
  const turn = chosen() ?? turns().at(0);
  choose(turn, { focus: true, side: turn !== chosen() });
}

const plain = (event) => !event.defaultPrevented && event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

document.addEventListener("click", async (event) => {
  if (!plain(event)) return;
  const at = (selector) => event.target.closest?.(selector);
  const link = at("[data-older], [data-newer], [data-above]");
  if (link) {
    event.preventDefault();
    await load(link);
  } else if (at(".technical-switch")) {
    event.preventDefault();
    const on = !script()?.classList.contains("technical");
    sessionStorage.setItem(TECHNICAL, on ? "1" : "0");
    technical(on);
  } else if (at("[data-fold]")) {
    event.preventDefault();
    at(".turn").classList.add("unfolded");
  } else if (at("[data-image]:not(.shown)")) {
    event.preventDefault();
    showImage(at("[data-image]"));
  } else if (at("[data-copy-link]")) {
    event.preventDefault();
    const done = await copy(at("[data-copy-link]").href);
    toast(say(done ? "copied" : "not_copied"), { key: "copy", kind: done ? "" : "bad", seconds: 3 });
    announce(say(done ? "copied" : "not_copied"));
  } else if (at("[data-choose]")) {
    event.preventDefault();
    choose(at(".turn"), { scroll: false });
    openSheet("side", at("[data-choose]"));
  } else if (at(".turn") && !at("a, button, summary, details") && getSelection().isCollapsed) {
    choose(at(".turn"), { scroll: false });
  }
});

export { closeSheet };
