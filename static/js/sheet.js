/**
 * `<button data-sheet="id" aria-expanded="false" aria-controls="id">` opens a `.sheet` where there is no column for it.
 * Focus goes in and comes back; Escape, the veil, or `[data-close]` inside closes it.
 */
let opener = null;

export function openSheet(id, from = document.activeElement) {
  const sheet = document.getElementById(id);
  if (!sheet || getComputedStyle(sheet).position !== "fixed") return;
  opener = from;
  sheet.classList.add("open");
  opener?.setAttribute?.("aria-expanded", "true");
  if (!sheet.hasAttribute("tabindex")) sheet.tabIndex = -1;
  sheet.focus({ preventScroll: true });
}

export function closeSheet() {
  const sheet = document.querySelector(".sheet.open");
  if (!sheet) return false;
  sheet.classList.remove("open");
  document.querySelector(`[data-sheet="${CSS.escape(sheet.id)}"]`)?.setAttribute("aria-expanded", "false");
  if (sheet.contains(document.activeElement) || document.activeElement === document.body) opener?.focus?.();
  opener = null;
  return true;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-sheet]");
  if (button) {
    if (!closeSheet()) openSheet(button.dataset.sheet, button);
    return;
  }
  const sheet = document.querySelector(".sheet.open");
  if (sheet && (!sheet.contains(event.target) || event.target.closest("[data-close]"))) closeSheet();
});
// Before the keys of the page: the first Escape closes what is open.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || document.querySelector("dialog:modal")) return;
  const menu = event.target.closest?.("details.confirm[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  } else if (closeSheet()) event.preventDefault();
}, { capture: true });
// One confirmation at a time, and none that stays open behind one's back.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.confirm[open]")) if (!menu.contains(event.target)) menu.open = false;
});
