/** The shell of every page. Pages add modules of their own and import from these. */
import "./keys.js";
import "./toast.js";
import "./theme.js";
import "./palette.js";
import "./copy.js";
import "./sheet.js";
import "./zone.js";

document.documentElement.classList.add("js");
