/** `<button data-copy="#id">` copies that element's text (or value); `data-copy-text` copies itself. */
import { announce, say } from "./page.js";
import { toast } from "./toast.js";

export async function copy(text, source = null) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Plain http on another machine has no clipboard: select, and try the old way.
    if (!source) return false;
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-text]");
  if (!button) return;
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : null;
  const done = await copy(button.dataset.copyText ?? source.value ?? source.textContent, source);
  if (!done) {
    toast(say("not_copied"), { kind: "bad", key: "copy" });
    return;
  }
  announce(say("copied"));
  button.classList.add("copied");
  const label = button.querySelector("[data-label]");
  const before = label?.textContent;
  if (label) label.textContent = say("copied");
  setTimeout(() => {
    button.classList.remove("copied");
    if (label) label.textContent = before;
  }, 1600);
});
