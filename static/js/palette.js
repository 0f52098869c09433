/** `?`: every action that can be run here, with its key; typing filters, Enter runs. */
import { all, available, keyOf, register, run, spell } from "./keys.js";

const dialog = document.getElementById("palette");

if (dialog) {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const none = dialog.querySelector("#palette-none");
  let shown = [];
  let chosen = 0;
  let offered = [];

  const option = (action) => {
    const item = document.createElement("div");
    item.setAttribute("role", "option");
    item.id = `palette-${action.id}`;
    item.dataset.id = action.id;
    const keys = document.createElement("span");
    keys.className = "keys";
    for (const part of keyOf(action.id).split(" ").filter(Boolean)) {
      keys.append(Object.assign(document.createElement("kbd"), { textContent: spell(part) }));
    }
    item.append(Object.assign(document.createElement("span"), { textContent: action.label }), keys);
    return item;
  };

  const choose = (index) => {
    chosen = (index + shown.length) % (shown.length || 1);
    const items = list.querySelectorAll("[role=option]");
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    const item = items[chosen];
    if (item) input.setAttribute("aria-activedescendant", item.id);
    else input.removeAttribute("aria-activedescendant");
    item?.scrollIntoView({ block: "nearest" });
  };

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  const draw = () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const hits = offered.filter((action) => words.every((word) => fold(`${action.label} ${action.group}`).includes(word)));
    const groups = Map.groupBy ? Map.groupBy(hits, (action) => action.group) : hits.reduce((map, action) => map.set(action.group, [...(map.get(action.group) ?? []), action]), new Map());
    shown = [...groups.values()].flat();
    list.replaceChildren(
      ...[...groups].map(([name, members], index) => {
        const group = document.createElement("div");
        group.setAttribute("role", "group");
        const label = Object.assign(document.createElement("span"), { textContent: name, id: `palette-group-${index}` });
        group.setAttribute("aria-labelledby", label.id);
        group.append(label, ...members.map(option));
        return group;
      }),
    );
    list.hidden = !shown.length;
    none.hidden = Boolean(shown.length);
    choose(0);
  };

  const open = () => {
    // Asked before the dialog covers the page: what is visible now is what can be done now.
    offered = all().filter((action) => action.id !== "palette" && available(action));
    input.value = "";
    draw();
    dialog.showModal();
    input.focus();
    list.scrollTop = 0;
  };

  const pick = (action) => {
    if (!action) return;
    dialog.close();
    run(action);
  };

  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") pick(shown[chosen]);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest("[role=option]");
    if (item) pick(shown.find((action) => action.id === item.dataset.id));
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.('[data-action="palette"]');
    if (!opener || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  register({ id: "palette", run: open, when: () => true });
}
