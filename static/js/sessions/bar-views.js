/** The switcher of views, and the dialog that saves one. */

const input = document.getElementById("query");
const switcher = document.getElementById("views");
const saver = document.getElementById("view-save");

const plain = (event) => event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

if (switcher) {
  const find = switcher.querySelector("input");
  const body = switcher.querySelector("#views-body");
  const rows = () => [...body.querySelectorAll(".view-row")];
  const shown = () => rows().filter((row) => !row.hidden).map((row) => row.querySelector(".view-link"));

  const filter = () => {
    const words = fold(find.value).split(/\s+/).filter(Boolean);
    for (const row of rows()) {
      const text = fold(row.querySelector(".view-link").textContent);
      row.hidden = !words.every((word) => text.includes(word));
    }
    const none = body.querySelector("[data-none]");
    if (none) none.hidden = shown().length > 0;
  };

  const open = () => {
    find.value = "";
    filter();
    switcher.showModal();
    find.focus();
    window.htmx.trigger(body, "views-open");
  };

  find.addEventListener("input", filter);
  body.addEventListener("htmx:afterSettle", () => {
    filter();
    const at = document.activeElement;
    // What had the focus is gone: to the way back, where there is one.
    if (switcher.open && (at === switcher || !switcher.contains(at))) (body.querySelector("#view-back") ?? find).focus();
  });
  switcher.addEventListener("keydown", (event) => {
    if (event.isComposing || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    const links = shown();
    const at = links.indexOf(document.activeElement);
    if (event.key === "Enter") {
      if (document.activeElement !== find || !links.length) return;
      links[0].click();
    } else if (document.activeElement === find || at >= 0) {
      const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
      (next ?? (event.key === "ArrowUp" ? find : links[0]))?.focus();
    } else return;
    event.preventDefault();
  });
  opens('[data-action="views"]', open);
  closes(switcher);
}

if (saver) {
  const body = saver.querySelector("#view-save-body");
  const open = async (link) => {
    const url = new URL(link.href);
    url.searchParams.set("q", input.value.trim()); // what stands in the bar now, sent or not
    saver.showModal(); // at once: what is typed now must not reach the keys of the page
    await window.htmx.ajax("GET", url.pathname + url.search, { target: body, swap: "innerHTML" });
    body.querySelector("input:not([type=hidden])")?.select();
  };
  opens('[data-action="view-save"]', open);
  closes(saver);
}

function opens(selector, open) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(selector);
    if (!link || !plain(event) || event.defaultPrevented) return;
    event.preventDefault();
    open(link);
  });
}

function closes(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog && !event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
}
