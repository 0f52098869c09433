/** Light, dark or the system's: a cookie that the server reads, so that no page flashes. */
import { register } from "./keys.js";
import { announce, say, setCookie } from "./page.js";
import { toast } from "./toast.js";

const ORDER = ["auto", "light", "dark"];

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  setCookie("theme", theme);
  for (const input of document.querySelectorAll("input[name=theme]")) input.checked = input.value === theme;
  announce(say(`theme_${theme}`));
}

register({
  id: "theme",
  when: () => true,
  run() {
    const next = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme) + 1) % ORDER.length];
    setTheme(next);
    toast(say(`theme_${next}`), { key: "theme", seconds: 3 });
  },
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("input[name=theme]")) setTheme(event.target.value);
});
