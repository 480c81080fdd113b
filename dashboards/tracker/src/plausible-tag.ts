/**
 * The tag of Plausible's scripts as ours would be written. Loaded before everything else.
 *
 * The older names say what a script can do (`script.hash.outbound-links.js`): what is not named is
 * off. The newer name is that of a site (`pa-….js`), and `plausible.init()` says the rest.
 */
import { copy, off } from "./stand";

/** What a file of this name can do; nothing for a name of another kind. */
function named(src: string): string[] | undefined {
  const match = /\/(?:script|plausible)((?:\.[a-z-]+)*)\.js(?:[?#]|$)/.exec(src);
  return match ? match[1].split(".") : undefined;
}

// older browsers do not say which tag it is; such tags have a name
const given = (document.currentScript || document.getElementById("plausible")) as HTMLScriptElement | null;
const src = given?.src || "";
/** What the name of this file switches on, if it is one of the older names. */
export const features = named(src);
/** The site that the newer name names. */
export const site = /\/(pa-[\w-]+)\.js(?:[?#]|$)/.exec(src)?.[1];

const on = (feature: string) => !!features?.includes(feature);

if (!features) {
  // the newer script has none of the attributes
  copy(/^(data-(?!local)|event-|(add-)?file-types$)/, given);
} else {
  const left = [...(on("exclusions") ? [] : ["data-include", "data-exclude"]), ...(on("pageview-props") ? [] : ["event-.+"])];
  const tag = copy(RegExp(`^(${left.join("|")})$`), given);
  for (const name of ["hash", "local", "manual"]) if (on(name)) tag.dataset[name] = "";
  // forms came with the newer script
  off("forms");
  if (!on("outbound-links")) off("outbound");
  if (!on("file-downloads")) off("downloads");
  if (!on("tagged-events")) off("tagged");
}
