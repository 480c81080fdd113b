/** The tag of GoatCounter's script, whose settings become attributes. Loaded before everything else. */
import { copy } from "./stand";

copy();
