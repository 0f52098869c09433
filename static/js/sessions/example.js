/** The chosen message as a line of nlu.yml, on the clipboard. */
import { copy } from "../copy.js";
import { register } from "../keys.js";
import { announce, say } from "../page.js";
import { toast } from "../toast.js";
import { chosen } from "./transcript.js";

const said = () => (chosen()?.querySelector(".me") ? chosen() : null);

async function example() {
  const { turn, href } = said().dataset;
  try {
    const address = new URL(`../../example/?turn=${turn}`, new URL(href, location.href));
    const answer = await fetch(address, { headers: { Accept: "text/plain" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const line = await answer.text();
    const done = await copy(line);
    toast(done ? `${say("copied")}: ${line.trim()}` : say("not_copied"), { key: "copy", kind: done ? "" : "bad" });
    if (done) announce(say("copied"));
  } catch {
    toast(say("failed"), { key: "copy", kind: "bad" });
  }
}

register({ id: "copy-example", run: example, when: () => Boolean(said()) });
