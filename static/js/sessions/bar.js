/** The query bar: completion as one types, conditions with counts, views. Without scripts it is a plain form. */
import "./bar-views.js";
