/** The plain text of a piece of HTML, for where HTML cannot be shown. Not a sanitiser: its result is text and must be shown as text. */
import { convert } from "html-to-text";

export const plainText = (html: string): string =>
  convert(html, { wordwrap: false, selectors: [{ selector: "img", format: "skip" }], limits: { maxInputLength: 262_144 } });
