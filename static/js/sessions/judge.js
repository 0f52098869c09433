/**
 * Judging: the key shows what was said and goes on at once; the server hears of it behind (queue.js). What it answers is
 * only drawn where the page still shows that session; what it refuses comes back.
 */
import { announce, say } from "../page.js";
import { toast } from "../toast.js";
import * as chooser from "./chooser.js";
import { choices, drop, learn } from "./choices.js";
import * as list from "./list.js";
import * as noter from "./noter.js";
import { send } from "./queue.js";
import * as transcript from "./transcript.js";

const bar = () => document.getElementById("judge");
const words = () => bar().dataset;
const head = () => document.getElementById("judged");

/** The open session: its id, its row, how far the screen shows it. */
export function here() {
  const box = transcript.script();
  const id = box?.classList.contains("under-way") ? null : box?.dataset.session;
  return id ? { id, row: list.rowOf(id), watermark: transcript.watermark(), sender: document.getElementById("sender").textContent } : null;
}

export const isOpen = () => Boolean(bar() && here());
/** Rows can be selected, and deeds undone, while the next session is still under way. */
export const hasBar = () => Boolean(bar());
export const hasTurn = () => isOpen() && Boolean(transcript.chosen());
const address = (id, deed) => `${bar().dataset.url}${id}/judge/${deed}/`;

function turn() {
  return transcript.chosen()?.dataset.turn ?? "";
}

/** Say something of a session; `at`: of the open one unless told otherwise. */
function tell(deed, data, { at = here(), what = "", done = null, refused = null, quiet = false } = {}) {
  send(address(at.id, deed), data, {
    what: `${what || bar().getAttribute(`data-what-${deed}`)} · ${at.sender}`,
    done: (answer) => {
      settle(answer.session);
      if (!quiet && answer.said) toast(answer.said, { key: "judged", undo: answer.deed ? () => undo(answer.deed) : null });
      done?.(answer);
    },
    refused: (answer, status) => {
      const row = list.rowOf(at.id);
      if (row) delete row.dataset.judged;
      if (status === 409) return replaceIt(deed, data, { at, what, done }, answer);
      return refused?.(answer, status);
    },
  });
}

/** Somebody said something else meanwhile, which the screen did not show: say so, and ask. */
function replaceIt(deed, { seen: _, ...data }, how, answer) {
  toast(answer.said, { kind: "bad", key: "judged", seconds: 0, undo: () => tell(deed, { ...data, force: 1 }, how), label: deed === "unreview" ? words().saysForce : words().saysReplace });
  announce(answer.said);
  return true;
}

/** What the server says of a session now, where the page shows it. */
function settle(session) {
  if (!session || here()?.id !== String(session.id)) return;
  const flagged = new Set((session.flagged ?? []).map(String));
  for (const each of document.querySelectorAll(`.turn[data-of="${session.id}"]`)) each.toggleAttribute("data-flagged", flagged.has(each.dataset.turn));
  const tags = head().querySelector("[data-tags]");
  tags.replaceChildren(...(session.tags ?? []).map((tag) => chip(tag)));
}

function chip(tag) {
  const element = Object.assign(document.createElement("span"), { className: "chip tag" });
  Object.assign(element.dataset, { use: tag.use ?? "", tag: tag.id ?? "", of: tag.turn ? "turn" : "session" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("dot");
  svg.setAttribute("viewBox", "0 0 8 8");
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of Object.entries({ cx: 4, cy: 4, r: 4, fill: `#${(tag.color || "6B3FC4").replace("#", "")}` })) circle.setAttribute(name, value);
  svg.append(circle);
  element.append(svg, Object.assign(document.createElement("bdi"), { textContent: tag.value }));
  return element;
}

/** On to the next one: at once. */
function goOn(news) {
  const next = list.nextToJudge();
  if (next) {
    list.open(next.href, { row: next, focus: true, news });
    return;
  }
  announce(`${news}. ${words().saysLast}`);
  toast(words().saysLast, { key: "last", seconds: 6 });
}

function review(verdict, data = {}, label = "", at = here()) {
  const says = { reviewed: words().saysReviewed, well: words().saysWell, broke: words().saysBroke }[verdict];
  const said = label ? `${says}: ${label}` : says;
  list.judged(at.row, verdict, `${said} · ${words().me}`);
  tell("review", { verdict, watermark: at.watermark, ...data }, { at, what: said });
  if (here()?.id === at.id) goOn(said);
}

export const done = () => review("reviewed");
export const well = () => review("well");

export function broke() {
  const at = here();
  const where = turn();
  chooser.choose({
    title: words().saysBrokeHere,
    items: choices("reason"),
    pick: (item) => review("broke", { turn: where, reason: item.id }, item.label, at),
    empty: () => review("broke", { turn: where, reason: "" }, "", at),
    emptyLabel: words().saysNone,
  });
}

export function later() {
  const at = here();
  if (head().dataset.later !== undefined) {
    tell("later", { off: 1 }, { at }); // a second time: no longer
    return;
  }
  if (at.row) at.row.dataset.judged = "later";
  tell("later", {}, { at, what: words().saysLater });
  goOn(words().saysLater);
}

export const unread = () => {
  const at = here();
  if (at.row) delete at.row.dataset.judged;
  tell("unreview", { seen: head().dataset.review }, { at });
};

/** Tags that are set already are marked, and taken off when chosen again. */
function tagWith(isTurn) {
  const at = here();
  const where = isTurn ? { turn: turn() } : {};
  const set = new Map(
    [...(isTurn ? transcript.chosen() : head()).querySelectorAll(isTurn ? ".badges [data-use]" : '[data-tags] [data-of="session"]')].map((each) => [each.dataset.tag, each.dataset.use]),
  );
  chooser.choose({
    title: isTurn ? words().saysTurnTag : words().saysTag,
    items: choices("tag").then((items) => items.map((item) => ({ ...item, color: item.hint, hint: "", on: set.has(String(item.id)) ? words().saysOn : "" }))),
    pick: (item) => {
      if (item.on) tell("untag", { use: set.get(String(item.id)) }, { at });
      else {
        if (!isTurn) head().querySelector("[data-tags]").append(chip({ id: item.id, value: item.label, color: item.color }));
        tell("tag", { tag: item.id, ...where }, { at, what: item.label });
      }
    },
    create: (value) => {
      drop("tag");
      if (!isTurn) head().querySelector("[data-tags]").append(chip({ value }));
      tell("tag", { value, ...where }, { at, what: value, done: () => learn("tag") });
    },
    newLabel: words().saysNew,
  });
}

export const tag = () => tagWith(false);
export const turnTag = () => tagWith(true);

const people = () => choices("assign").then((items) => items.filter((item) => item.id !== "").map((item) => item.label));

function noteWith(isTurn) {
  const at = here();
  const where = isTurn ? { turn: turn() } : {};
  noter.write({
    title: isTurn ? words().saysTurnNote : words().saysNote,
    names: people(),
    done: (text) => tell("note", { text, ...where }, { at, what: text.slice(0, 40) }),
  });
}

export const note = () => noteWith(false);
export const turnNote = () => noteWith(true);

export function flag() {
  const box = transcript.chosen();
  const on = box.toggleAttribute("data-flagged"); // what is shown is what is meant, whatever colleagues did since
  tell("flag", { turn: turn(), on: on ? 1 : 0 }, { refused: () => void box.toggleAttribute("data-flagged", !on) });
}

export function assign() {
  const at = here();
  const seen = head().dataset.assigned;
  chooser.choose({
    title: words().saysAssign,
    items: choices("assign").then((items) => (items.some((item) => item.id === "") ? items : [...items, { id: "", label: words().saysBack }])),
    pick: (item) => tell("assign", { user: item.id, seen }, { at, what: item.label }),
  });
}

/** The intent of the chosen turn: what the machine weighed first, then the vocabulary; a new name may be typed. */
export function intent() {
  const at = here();
  const box = transcript.chosen()?.querySelector(".me");
  if (!box) return announce(words().saysNoTurn);
  const picked = turn();
  const seen = seenIntent();
  const correct = (name) => tell("correct", { turn: picked, intent: name, seen }, { at, what: name });
  return chooser.choose({
    title: words().saysIntent,
    items: choices("intent", picked),
    pick: (item) => correct(item.label),
    create: (text) => (text === "nlu_fallback" ? null : correct(text)),
    newLabel: words().saysNew,
  });
}

/** The correction that the screen shows of the chosen turn: the server tells when it is another by now. */
const seenIntent = () => transcript.chosen()?.querySelector(".corrected")?.dataset.intent ?? "";

export const intentBack = () => tell("uncorrect", { turn: turn() });

/** An entity of the message: the words are what is selected there, else they are chosen; then its name. */
export function entity() {
  const at = here();
  const chosen = transcript.chosen();
  const box = chosen?.querySelector(".me");
  if (!box) return announce(words().saysNoTurn);
  const bubble = box.querySelector(".bubble");
  const text = textOf(bubble);
  const selected = selectionIn(bubble);
  const name = (span) => {
    const value = [...text].slice(...span).join("");
    chooser.choose({
      title: words().saysEntity.replace("%s", value),
      items: choices("entity", chosen.dataset.turn).catch(() => []),
      pick: (item) => save(item.label),
      create: save,
      newLabel: words().saysNew,
    });
    function save(label) {
      const known = JSON.parse(box.dataset.entities || "[]").filter((each) => each.end <= span[0] || each.start >= span[1]);
      const entities = [...known, { start: span[0], end: span[1], entity: label, value }].sort((one, other) => one.start - other.start);
      box.dataset.entities = JSON.stringify(entities);
      const intentName = chosen.querySelector(".corrected")?.dataset.intent ?? box.dataset.intent;
      tell("correct", { turn: chosen.dataset.turn, intent: intentName, entities: JSON.stringify(entities), seen: seenIntent() }, { at, what: `${value} = ${label}` });
    }
  };
  if (selected) return name(selected);
  const runs = [...text.matchAll(/[^\s.,;:!?()«»"“”]+/gu)].map((match) => ({ id: match.index, label: match[0] }));
  const spanOf = (start, value) => [[...text.slice(0, start)].length, [...text.slice(0, start + value.length)].length];
  return chooser.choose({
    title: words().saysEntityText,
    items: runs,
    pick: (item) => name(spanOf(item.id, item.label)),
    create: (value) => text.includes(value) && name(spanOf(text.indexOf(value), value)),
    newLabel: "%s",
  });
}

/** The message without the names of entities that stand in it. */
function textOf(bubble) {
  const copy = bubble.cloneNode(true);
  copy.querySelectorAll(".ent-name, .whole").forEach((each) => each.remove());
  return copy.textContent;
}

/** Code points of the message that are selected, or null. */
function selectionIn(bubble) {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount || !bubble.contains(selection.anchorNode) || !bubble.contains(selection.focusNode)) return null;
  const range = selection.getRangeAt(0);
  const upto = (node, offset) => {
    const part = document.createRange();
    part.setStart(bubble, 0);
    part.setEnd(node, offset);
    const holder = document.createElement("span");
    holder.append(part.cloneContents());
    return [...textOf(holder)].length;
  };
  const span = [upto(range.startContainer, range.startOffset), upto(range.endContainer, range.endOffset)];
  return span[0] < span[1] ? span : null;
}

/** One's own note, changed or taken back. */
export function noteAgain(pk, text, deed) {
  const at = here();
  if (deed === "note-delete") return tell(deed, { note: pk }, { at });
  return noter.write({ title: words().saysNote, text, names: people(), done: (changed) => tell(deed, { note: pk, text: changed }, { at }) });
}

/** Take one's own last judgement back, or that of the number `deed`, and show where it was. */
export function undo(deed = "", force = "") {
  send(words().undo, { deed, force }, {
    what: say("undo"),
    done: (answer) => {
      const row = answer.session ? list.rowOf(answer.session.id) : null;
      if (row) delete row.dataset.judged;
      if (answer.said) toast(answer.said, { key: "judged" });
      if (answer.said) announce(answer.said);
      if (row && here()?.id !== String(answer.session.id)) list.open(row.href, { row, focus: true, news: answer.said ?? "" });
      settle(answer.session);
    },
    refused: (answer, status) => {
      if (status === 409) toast(answer.said, { kind: "bad", key: "judged", undo: () => undo(answer.conflict?.deed ?? deed, "1"), label: words().saysForce, seconds: 0 });
      else toast(answer.said ?? words().saysNothing, { key: "judged" });
      return true;
    },
  });
}

/** The poll brought news of the open session: say what a colleague did. */
export function told(before, by) {
  const after = head()?.dataset;
  if (!after || !by || by === words().me) return;
  if (before.status === after.status && before.verdict === after.verdict) return;
  const text = words().saysColleague.replace("%s", by);
  toast(text, { key: "colleague", seconds: 6 });
  announce(text);
}
