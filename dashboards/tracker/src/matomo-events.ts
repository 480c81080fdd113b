/**
 * Matomo's actions as events. The names are those that the server gives to the same actions when they
 * come by `/matomo.php`; titles are not read.
 */
import { money as fit } from "./money";
import type { Options } from "./send";

export type Props = Record<string, unknown>;
type Named = [string, Options];

/** Properties that have a value. */
function props(given: Props): Props {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value != null && value !== "" && value !== false));
}

/** Money is revenue where its currency is known, which Matomo's pages do not say; else it is a property. */
function money(amount: unknown, currency: string | undefined): Options {
  if (!amount || amount == "0") return {};
  const revenue = fit(amount, currency);
  return revenue ? { revenue } : { props: { revenue: amount } };
}

/** Events by the verb that makes them; all arguments are those of the verb. */
export const ACTIONS: Record<string, (given: any[], currency?: string) => Named> = {
  // both are needed
  trackEvent: ([category, action, name, value]) => [/\S/.test(category ?? "") ? action : "", { props: props({ category, name, value }) }],
  trackGoal: ([number, amount], currency) => ["Goal " + number, money(amount, currency)],
  trackSiteSearch: ([search_term, search_category, results]) => [
    "view_search_results",
    { props: props({ search_term, search_category, results: results === 0 ? "0" : results }) },
  ],
  trackLink: ([url, kind]) => [kind == "download" ? "File Download" : "Outbound Link: Click", { props: props({ url }) }],
  trackContentImpression: ([name, piece, target]) => [
    "Content Impression",
    { props: props({ name, piece, target }), interactive: false },
  ],
  trackContentInteraction: ([interaction, name, piece, target]) => [
    "Content Interaction",
    { props: props({ name, piece, target, interaction }) },
  ],
};

/** An order; what lies in a cart (an order without number) is not earned. */
export function order(number: unknown, amount: unknown, items: number, currency: string | undefined): Named {
  const { props: sum, revenue } = money(amount, number ? currency : undefined);
  return [number ? "Ecommerce Order" : "Ecommerce Cart Update", { props: props({ ...sum, items: items || null }), revenue }];
}

/** A look at a product, beside the view of its page. */
export function product([sku, name, categories, price]: any[]): Named | undefined {
  const category = Array.isArray(categories) ? categories.join(", ") : categories;
  if (!sku && !name && !category) return;
  return ["Product View", { props: props({ sku, name, category, price }), interactive: false }];
}
