/** The tag of Google's script as ours would be written. Loaded before everything else. */
import { copy, off } from "./stand";

copy().dataset.addFileTypes = "xls doc pptm mpg mid";
// marks of other tools are theirs
off("tagged");
