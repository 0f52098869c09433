/**
 * Short news at the edge, polite, with an undo where there is one.
 * Servers send `HX-Trigger: {"toast": {"text": "…", "kind": "bad", "undo": "/url/"}}`; undo is POSTed.
 */
import { say } from "./page.js";

const place = () => document.getElementById("toasts");
const SECONDS = 10;

function glyph(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const sprite = document.querySelector(".icon use")?.getAttribute("href").split("#")[0] ?? "";
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

function expire(element, seconds) {
  let timer = 0;
  const start = () => (timer = setTimeout(() => element.remove(), seconds * 1000));
  const stop = () => clearTimeout(timer);
  element.addEventListener("pointerenter", stop);
  element.addEventListener("pointerleave", start);
  element.addEventListener("focusin", stop);
  element.addEventListener("focusout", start);
  start();
}

/** Show `text`. `undo`: a function or a URL to POST to; `label`: what its button says instead. `key`: replaces that toast. `seconds` 0: stays. */
export function toast(text, { kind = "", undo = null, label = "", key = "", seconds = SECONDS } = {}) {
  if (key) clear(key);
  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  if (key) element.dataset.key = key;
  if (kind === "bad") element.append(glyph("circle-alert"));
  element.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: label || say("undo") });
    button.addEventListener("click", () => {
      element.remove();
      if (typeof undo === "function") undo();
      else window.htmx.ajax("POST", undo, { swap: "none" });
    });
    element.append(button);
  }
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn quiet icon-only", ariaLabel: say("dismiss") });
  close.dataset.dismiss = "";
  close.append(glyph("x"));
  element.append(close);
  place()?.append(element);
  if (seconds) expire(element, seconds);
  return element;
}

export function clear(key) {
  place()?.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
}

document.addEventListener("click", (event) => event.target.closest?.("[data-dismiss]")?.closest(".toast")?.remove());
document.addEventListener("toast", ({ detail }) => toast(detail.text ?? detail.value, { kind: detail.kind, undo: detail.undo }));
document.addEventListener("htmx:sendError", () => toast(say("offline"), { kind: "bad", key: "offline", seconds: 0 }));
document.addEventListener("htmx:afterOnLoad", () => clear("offline"));
document.addEventListener("htmx:responseError", ({ detail }) => {
  const status = detail.xhr.status;
  toast(say(status === 403 ? "refused" : status === 503 ? "offline" : "failed"), { kind: "bad", key: `status-${status}` });
});
for (const element of place()?.children ?? []) expire(element, SECONDS);
