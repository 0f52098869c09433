/** The query bar: completion as one types, conditions with counts, views. Without scripts it is a plain form. */
import { register } from "../keys.js";
import "./bar-complete.js";
import "./bar-facets.js";
import "./bar-views.js";

const form = document.getElementById("query")?.form;
const goes = (url) => ({ run: () => location.assign(url), when: () => Boolean(url) });

register({ id: "for-me", ...goes(form?.dataset.forMe) });
register({ id: "not-mine", ...goes(form?.dataset.notMine) });
