/** The query bar: completion as one types, conditions with counts, views. Without scripts it is a plain form. */
import "./bar-complete.js";
import "./bar-facets.js";
import "./bar-views.js";
