/** Who is where: a session counts as read after two seconds in view, and as open for a while. Never by a GET. */
import { here } from "./judge.js";
import { post } from "./queue.js";
import { script } from "./transcript.js";

const READ = 2000; // ms in view
const OPEN = 500; // ms, so that walking through the list claims nothing
const AGAIN = 120_000;

let timers = [];

function address(id, deed) {
  return `${document.getElementById("judge").dataset.url}${id}/judge/${deed}/`;
}

const quietly = (url, data) => post(url, data).catch(() => {});

function begin() {
  timers.forEach(clearTimeout);
  timers = [];
  const at = here();
  if (!at || document.hidden) return;
  const still = (act) => () => script()?.dataset.session === at.id && !document.hidden && act();
  const claim = () => {
    quietly(address(at.id, "claim"), {});
    timers.push(setTimeout(still(claim), AGAIN));
  };
  timers.push(setTimeout(still(claim), OPEN));
  timers.push(
    setTimeout(
      still(() => {
        quietly(address(at.id, "seen"), { watermark: here().watermark });
        document.getElementById(`row-${at.id}`)?.classList.remove("fresh-to-me");
      }),
      READ,
    ),
  );
}

export function start() {
  document.addEventListener("session:opened", begin);
  document.addEventListener("visibilitychange", begin);
  begin();
}
