/**
 * What was said is sent behind one's back, in the order in which it was said. What the server cannot take now stays at the
 * head and is sent again; what it refuses comes back as a toast. Nothing is dropped in silence, not even by leaving the page.
 */
import { clear, toast } from "../toast.js";
import { afterPaint } from "./paint.js";

const FIRST = 1000; // ms until a failed one is sent again
const LONGEST = 20_000;
const AWAY = [502, 503, 504];

const jobs = [];
let isRunning = false;
let isStuck = false;
let wake = null;

const words = () => document.getElementById("judge").dataset;

function token() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
}

/** POST without waiting for others: the answer, with its status. */
export function post(url, data) {
  const headers = { "X-CSRFToken": token(), Accept: "application/json" };
  return fetch(url, { method: "POST", body: new URLSearchParams(data), headers, keepalive: true, credentials: "same-origin" });
}

/** Send after all that was said before. `done(answer)`, `refused(answer, status)`; `what` names it for people. */
export function send(url, data, { what = "", done = null, refused = null } = {}) {
  jobs.push({ url, data, what, done, refused });
  afterPaint(run);
}

/** How many are not saved yet. */
export const waiting = () => jobs.length;

async function run() {
  if (isRunning) return;
  isRunning = true;
  let wait = FIRST;
  while (jobs.length) {
    const job = jobs[0];
    const response = await reach(job);
    if (!response) {
      await pause(job, wait);
      wait = Math.min(LONGEST, wait * 2);
      continue;
    }
    wait = FIRST;
    if (isStuck) clear("kept");
    isStuck = false;
    jobs.shift();
    const answer = await response.json().catch(() => ({}));
    if (response.ok) job.done?.(answer);
    else if (!job.refused || job.refused(answer, response.status) !== true) refuse(job, answer);
  }
  isRunning = false;
}

async function reach(job) {
  try {
    const response = await post(job.url, job.data);
    if (response.redirected || response.status === 401) {
      location.reload(); // signed out meanwhile
      return null;
    }
    return AWAY.includes(response.status) ? null : response;
  } catch {
    return null;
  }
}

function pause(job, wait) {
  isStuck = true;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    toast(words().saysKept.replace("%s", job.what), { kind: "bad", key: "kept", seconds: 0, undo: wake, label: words().saysRetry });
  });
}

function refuse(job, answer) {
  const text = words().saysFailed.replace("%s", answer.said ?? job.what);
  toast(text, { kind: "bad", key: `refused ${job.url}`, seconds: 0, undo: () => send(job.url, job.data, job), label: words().saysRetry });
}

// What waits behind another one goes out all at once when the page goes: `keepalive` outlives it.
window.addEventListener("pagehide", () => {
  if (!isStuck) for (const job of jobs.splice(isRunning ? 1 : 0)) post(job.url, job.data).catch(() => {});
});
window.addEventListener("beforeunload", (event) => isStuck && event.preventDefault());
window.addEventListener("online", () => wake?.());
