/** The tag of whichever tool it is that calls its script `script.js`. Loaded before everything else. */
import { copy } from "./stand";

copy();
