/** The text part of a mail that was written as HTML only: what a reader without HTML would want to see. */
import { compile } from "html-to-text";

const convert = compile({
  wordwrap: 78,
  selectors: [
    { selector: "a", options: { hideLinkHrefIfSameAsText: true, linkBrackets: ["<", ">"] } },
    { selector: "img", format: "skip" },
    { selector: "h1", options: { uppercase: false } },
    { selector: "h2", options: { uppercase: false } },
    { selector: "h3", options: { uppercase: false } },
    { selector: "table", format: "block" },
  ],
});

export const textOf = (html: string): string => convert(html);
