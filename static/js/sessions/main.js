/** The sessions page. Everything here also works by plain links; scripts make it quick. */
import { register } from "../keys.js";
import { learn } from "./choices.js";
import "./example.js";
import * as judge from "./judge.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as presence from "./presence.js";
import * as select from "./select.js";
import * as transcript from "./transcript.js";

const hasRows = () => list.rows().length > 0;
const hasTurns = () => Boolean(transcript.script());

function back() {
  if (!transcript.leaveStory() && !select.clear()) list.back();
}

register({ id: "session-next", run: () => list.step(1), when: hasRows, repeat: true });
register({ id: "session-previous", run: () => list.step(-1), when: hasRows, repeat: true });
register({ id: "transcript", run: transcript.enter, when: hasTurns });
register({ id: "back", run: back, when: hasRows });
register({ id: "turn-next", run: transcript.nextTurn, when: hasTurns, repeat: true });
register({ id: "turn-previous", run: transcript.previousTurn, when: hasTurns, repeat: true });
register({ id: "trouble-next", run: () => transcript.nextMarked(list.open), when: hasTurns, repeat: true });
register({ id: "trouble-previous", run: () => transcript.previousMarked(list.open), when: hasTurns, repeat: true });

// What a button of the toolbar does, its key does: by mouse, by key, and from the palette.
const judging = {
  done: judge.done,
  well: judge.well,
  later: judge.later,
  unread: judge.unread,
  tag: judge.tag,
  note: judge.note,
  assign: judge.assign,
};
const ofTurn = {
  broke: judge.broke,
  "turn-tag": judge.turnTag,
  "turn-note": judge.turnNote,
  "turn-flag": judge.flag,
  "turn-intent": judge.intent,
  "turn-entity": judge.entity,
  "turn-intent-back": judge.intentBack,
};
const ofList = { undo: () => judge.undo(), story: transcript.story, select: select.toggle, "select-to": select.upTo, "select-all": select.all };
for (const [actions, when] of [[judging, judge.isOpen], [ofTurn, judge.hasTurn], [ofList, () => judge.hasBar() && hasRows()]]) {
  for (const [id, run] of Object.entries(actions)) register({ id, run, when });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-action]");
  const id = button?.dataset.action;
  const run = judging[id] ?? ofTurn[id] ?? ofList[id];
  const own = event.target.closest?.("[data-note]");
  if (own) judge.noteAgain(own.dataset.pk, own.dataset.text, own.dataset.note);
  if (event.target.closest?.("[data-clear-selection]")) select.clear();
  if (!run) return;
  button.closest("details")?.removeAttribute("open");
  if (ofTurn[id] ? judge.hasTurn() : ofList[id] ? judge.hasBar() : judge.isOpen()) run();
});

// A bookmark of a later page of the list still shows where one is.
list.current()?.scrollIntoView({ block: "nearest" });
transcript.opened();
list.prefetchNext();
live.start();
if (judge.isOpen()) {
  presence.start();
  for (const kind of ["tag", "reason", "assign"]) learn(kind);
  // The intents of the turn that is looked at.
  const intents = () => transcript.chosen()?.querySelector(".me") && learn("intent", transcript.chosen().dataset.turn);
  document.addEventListener("turn:chosen", intents);
  document.addEventListener("session:opened", intents);
  intents();
}

// A page from the browser's cache is as old as it is.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
