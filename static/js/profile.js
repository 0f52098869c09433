/** The profile's keys: on or off, another key for an action, all as they were. Kept in this browser. */
import { all, capture, clash, enable, enabled, keyOf, remap, spell } from "./keys.js";
import { announce, say } from "./page.js";
import { toast } from "./toast.js";

const toggle = document.getElementById("keys-on");
const buttons = [...document.querySelectorAll("[data-remap]")];
let stop = null;

function show() {
  toggle.checked = enabled();
  for (const button of buttons) {
    const key = keyOf(button.dataset.remap);
    button.firstElementChild.textContent = key.split(" ").map(spell).join(" ") || "–";
    button.classList.toggle("changed", key !== all().find((action) => action.id === button.dataset.remap).key);
    button.classList.remove("waiting");
  }
}

function end() {
  stop?.();
  stop = null;
  show();
}

function listen(button) {
  end();
  const id = button.dataset.remap;
  const isPage = keyOf(id).startsWith("g ");
  button.classList.add("waiting");
  button.firstElementChild.textContent = say("press_key");
  announce(say("press_key"));
  stop = capture((name) => {
    if (name === "Tab") {
      end();
      return false;
    }
    if (name === "Backspace" || name === "Delete") remap(id, "");
    else if (name !== "Escape") {
      const key = isPage ? `g ${name}` : name;
      const other = clash(id, key);
      if (other) toast(say("key_taken", other.label), { kind: "bad", key: "keys" });
      else remap(id, key);
    }
    end();
    announce(keyOf(id));
    return true;
  });
}

toggle.addEventListener("change", () => enable(toggle.checked));
document.getElementById("keys-reset").addEventListener("click", () => {
  for (const action of all()) remap(action.id, null);
  show();
});
for (const button of buttons) {
  button.addEventListener("click", () => listen(button));
  button.addEventListener("blur", () => stop && end());
}
show();
