/** What an error says, without what it says about whom. */

/** Longest template (bytes); the server cuts at the same length. */
const BYTES = 200;

/** The words of an error: addresses, queries, quoted text and digits are taken out. */
export function template(reason: unknown): string {
  let text = "";
  try {
    text = String(reason);
  } catch {
    // an object that refuses to be text says nothing
  }
  const cut = text
    .replace(/^Uncaught /, "")
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+|\b(blob|data|mailto):\S+/gi, "url")
    // quotes may hold quotes: from the first to the last, or to the end where only one is left
    .replace(/"(.*"|.*)/s, "''")
    .replace(/`(.*`|.*)/s, "''")
    .replace(/“(.*”|.*)/s, "''")
    // not the apostrophe of a word
    .replace(/(^|\W)'[^']*'?/g, "$1''")
    // the query of an address without a host
    .replace(/\?\S+/g, "")
    .replace(/\S+@\S+/g, ":email")
    .replace(/\d+/g, "0")
    .replace(/\s+/g, " ")
    .trim();
  const bytes = new TextEncoder().encode(cut).slice(0, BYTES);
  // a character that was cut in two is left out
  return new TextDecoder().decode(bytes).replace(/\ufffd+$/, "");
}
