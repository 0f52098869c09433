/** What the server told scripts: the actions and the words (`<script id="house" type="application/json">`). */
const block = document.getElementById("house");
const data = block ? JSON.parse(block.textContent) : { actions: [], text: {} };

export const actions = data.actions;

/** A translated phrase; `%s` is replaced. */
export function say(name, value = "") {
  return (data.text[name] ?? name).replace("%s", value);
}

/** Spoken, not shown. */
export function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

/** A cookie for a year, readable by the server. */
export function setCookie(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}
