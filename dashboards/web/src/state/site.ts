/** Where the server keeps what belongs to a site. */
export function siteApi(domain: string, what: string): string {
  return `/api/sites/${encodeURIComponent(domain)}/${what}`;
}
