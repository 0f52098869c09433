/** Tell the server the browser's time zone once: the first guess until the profile says otherwise. */
import { setCookie } from "./page.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (/^[\w+/-]+$/.test(zone ?? "") && !document.cookie.split("; ").includes(`zone=${zone}`)) setCookie("zone", zone);
