/** The tag of Matomo's script as ours would be written. Loaded before everything else. */
import { copy, off } from "./stand";

copy();
// what Matomo's script does not do by itself
off("tagged", "forms");
