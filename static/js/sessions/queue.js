/**
 * What was said is sent behind one's back, in the order in which it was said. What the server cannot take now stays at the
 * head and is sent again; what it refuses comes back as a toast. Nothing is dropped in silence: what waits is also kept in
 * the tab (sessionStorage), and sent by its next page of sessions, after signing in again too. Each has a key of its own,
 * by which the server knows what it has done already: a lost answer does nothing twice.
 */
import { clear, toast } from "../toast.js";
import { afterPaint } from "./paint.js";

const FIRST = 1000; // ms until a failed one is sent again
const LONGEST = 20_000;
const AWAY = [502, 503, 504];
const OUTLIVES = 30_000; // bytes: browsers send no more than 64 KB altogether for pages that are gone

const jobs = [];
let isRunning = false;
let isStuck = false;
let isSignedOut = false;
let isLeaving = false;
let wake = null;

const bar = () => document.getElementById("judge");
const words = () => bar().dataset;
const kept = () => `enterprise.unsent.${words().me}`;

function token() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
}

/** 32 hex digits. (crypto.randomUUID is missing where a house has no TLS.) */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** POST without waiting for others: the answer, with its status. */
export function post(url, data) {
  const headers = { "X-CSRFToken": token(), Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(data).toString();
  return fetch(url, { method: "POST", body, headers, keepalive: body.length < OUTLIVES, credentials: "same-origin" });
}

/** Send after all that was said before. `done(answer)`, `refused(answer, status)`; `what` names it for people. */
export function send(url, data, { what = "", done = null, refused = null, key = newKey() } = {}) {
  jobs.push({ url, data, what, key, done, refused });
  keep();
  afterPaint(run);
}

/** How many are not saved yet. */
export const waiting = () => jobs.length;

/** In the tab, for its next page, as this person's. Functions are not kept. */
function keep() {
  try {
    if (jobs.length) sessionStorage.setItem(kept(), JSON.stringify(jobs));
    else sessionStorage.removeItem(kept());
  } catch {
    // Full, or forbidden: they wait as long as the page is there.
  }
}

function takeUp() {
  if (!bar()) return;
  try {
    jobs.unshift(...JSON.parse(sessionStorage.getItem(kept()) ?? "[]"));
  } catch {
    sessionStorage.removeItem(kept());
  }
  for (const job of jobs) job.done = (answer) => job.isLate && toast(answer.said, { key: "judged" });
  if (jobs.some((job) => job.isLate)) toast(words().saysSentNow.replace("%s", jobs.map((job) => job.what).join(", ")), { key: "kept" });
  if (jobs.length) afterPaint(run);
}

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
    const answer = await response.json().catch(() => ({}));
    jobs.shift();
    keep();
    try {
      if (response.ok) job.done?.(answer);
      else if (!job.refused || job.refused(answer, response.status) !== true) refuse(job, answer);
    } catch (error) {
      reportError(error); // what cannot be shown does not hold the others up
    }
  }
  isRunning = false;
}

/** The server's answer; null when there is none that counts. */
async function reach(job) {
  isSignedOut = false;
  const isOut = (response) => response.redirected || response.status === 401;
  try {
    let response = await post(job.url, { ...job.data, key: job.key });
    if (response.status === 403 && (await signedInAnew())) response = await post(job.url, { ...job.data, key: job.key });
    isSignedOut ||= isOut(response);
    return isSignedOut || AWAY.includes(response.status) ? null : response;
  } catch {
    return null;
  }
}

/** Signing in elsewhere makes this page's token old: take the new one. Not that of somebody else who signed in. */
async function signedInAnew() {
  const response = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const found = page.getElementById("judge");
  isSignedOut = response.redirected || Boolean(found && found.dataset.me !== words().me);
  if (isSignedOut || !found) return false;
  document.body.setAttribute("hx-headers", page.body.getAttribute("hx-headers"));
  return true;
}

function pause(job, wait) {
  isStuck = true;
  for (const each of jobs) each.isLate = true;
  keep();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    const [text, label, act] = isSignedOut ? [words().saysSignedOut, words().saysSignIn, signIn] : [words().saysKept, words().saysRetry, wake];
    toast(text.replace("%s", job.what), { kind: "bad", key: "kept", seconds: 0, undo: act, label });
  });
}

/** By way of this page, which comes back when one has signed in. */
function signIn() {
  isLeaving = true;
  location.reload();
}

function refuse(job, answer) {
  const text = words().saysFailed.replace("%s", answer.said ?? job.what);
  const again = () => send(job.url, job.data, job);
  toast(text, { kind: "bad", key: `refused ${job.url}`, seconds: 0, undo: again, label: words().saysRetry });
}

// A page that goes sends what does not depend on an answer: of each session the first that waits, and no undo, which means
// what was said last. All of it stays kept: the tab's next page sends it again, and the rest in its order.
window.addEventListener("pagehide", () => {
  if (isStuck) return;
  const begun = new Set();
  for (const [at, job] of jobs.entries()) {
    if (job.url === words().undo) break;
    const session = job.url.split("/judge/")[0];
    if (!begun.has(session) && !(at === 0 && isRunning)) post(job.url, { ...job.data, key: job.key }).catch(() => {});
    begun.add(session);
  }
});
window.addEventListener("beforeunload", (event) => isStuck && !isLeaving && event.preventDefault());
window.addEventListener("online", () => wake?.());
document.addEventListener("visibilitychange", () => document.hidden || wake?.()); // signed in in another tab, perhaps
// A part of the page was asked for (load.js): do not leave what is not saved, and do not leave it unsaid either.
document.addEventListener("signed-out", (event) => jobs.length && event.preventDefault());
takeUp();
