/**
 * The grammar of an email address, and its one normal form.
 *
 * Deliberately narrower than RFC 5322: one bare address, no display name, comment, quoting, route or list, since each of those has been
 * used to make a mail go elsewhere than it seems. Lengths are those of RFC 5321 (64 before the @, 254 in all, 63 a label).
 * A domain in other scripts is accepted and kept in its ASCII form; before the @ only ASCII is, since most servers lack SMTPUTF8.
 */
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TOP_LABEL = /^(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$/;
const OTHER_SCRIPTS = /^[\p{L}\p{M}\p{N}.-]+$/u;

/** The address with the blanks around it gone and its domain in lower case; undefined when it is not exactly one address. */
export function normaliseEmail(text: string): string | undefined {
  const address = text.replace(/^[ \t]+|[ \t]+$/g, "");
  const at = address.lastIndexOf("@");
  if (at < 1 || at > 64) return undefined;
  const local = address.slice(0, at);
  const domain = asciiDomain(address.slice(at + 1));
  if (domain === undefined || !LOCAL.test(local)) return undefined;
  const labels = domain.split(".");
  // One label is a machine's own name; "localhost" is the only one that makes sense to others.
  if (labels.length === 1 ? domain !== "localhost" : !TOP_LABEL.test(labels.at(-1) as string)) return undefined;
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  return at + 1 + domain.length <= 254 ? `${local}@${domain}` : undefined;
}

/** Punycode by way of URL, the only converter that browsers and Node share; letters and digits only get that far. */
function asciiDomain(domain: string): string | undefined {
  if (/^[a-z0-9.-]*$/i.test(domain)) return domain.toLowerCase();
  if (!OTHER_SCRIPTS.test(domain) || domain.length > 253) return undefined;
  const url = `http://${domain}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}
