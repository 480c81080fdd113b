/** Money as pages tell it: what the server would not read as an amount stays a property. */
import type { Options } from "./send";

/** A number as text, as the server reads it. */
const AMOUNT = /^\s*-?\d+(\.\d*)?\s*$/;
/** Largest amount that is believed, in units of the currency, either way. */
const AMOUNT_MAX = 1e12;
const CURRENCY = /^\s*[a-z]{3}\s*$/i;

/** Revenue, if both are fit for it. */
export function money(amount: unknown, currency: unknown): Options["revenue"] {
  const fits = typeof amount == "number" ? isFinite(amount) : typeof amount == "string" && AMOUNT.test(amount);
  if (fits && typeof currency == "string" && CURRENCY.test(currency) && Math.abs(amount as number) <= AMOUNT_MAX) {
    return { amount: amount as number, currency };
  }
}
