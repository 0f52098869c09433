/** The sessions page. Everything here also works by plain links; scripts make it quick. */
import { register } from "../keys.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as transcript from "./transcript.js";

const hasRows = () => list.rows().length > 0;
const hasTurns = () => Boolean(transcript.script());

register({ id: "session-next", run: () => list.step(1), when: hasRows, repeat: true });
register({ id: "session-previous", run: () => list.step(-1), when: hasRows, repeat: true });
register({ id: "transcript", run: transcript.enter, when: hasTurns });
register({ id: "back", run: list.back, when: hasRows });
register({ id: "turn-next", run: transcript.nextTurn, when: hasTurns, repeat: true });
register({ id: "turn-previous", run: transcript.previousTurn, when: hasTurns, repeat: true });
register({ id: "trouble-next", run: () => transcript.nextMarked(list.open), when: hasTurns, repeat: true });
register({ id: "trouble-previous", run: () => transcript.previousMarked(list.open), when: hasTurns, repeat: true });

// A bookmark of a later page of the list still shows where one is.
list.current()?.scrollIntoView({ block: "nearest" });
transcript.opened();
list.prefetchNext();
live.start();

// A page from the browser's cache is as old as it is.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
