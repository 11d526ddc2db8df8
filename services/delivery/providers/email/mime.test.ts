import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import type { Mail } from "../../sender.ts";
import { mime } from "./mime.ts";

const mail = (more: Partial<Mail> = {}): Mail => ({
  ...{ from: { name: "Carillon", address: "hello@carillon.localhost" }, to: "ann@example.test", subject: "Title", text: "It happened." },
  ...{ messageId: "<4a2b@carillon.localhost>", headers: { "X-Carillon-Delivery": "4a2b" }, date: new Date(1_700_000_000_000) },
  ...more,
});
const lf = (text = "") => text.replaceAll(/\r\n?|\n/g, "\n");
const trimmed = (text = "") => lf(text).replace(/\n+$/, "");
/** Text of any kind: long, of other scripts, with what looks like encodings, boundaries and headers. */
const words = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.constantFrom(
    "=?utf-8?Q?no?=",
    "--=_4a2bcarillonlocalhost--",
    ".",
    "..",
    "From here",
    "a\r\n.\r\nb",
    "Subject: x\r\n\r\ny",
    "=\n=20",
    " \t \n \t ",
  ),
  fc.string({ unit: fc.constantFrom("a", " ", "é", "日", "\n", "=", "."), maxLength: 2_000 }),
);
const line = words.map((text) => text.replaceAll(/\p{Cc}/gu, " "));

describe("a mail as MIME", () => {
  it("is short and readable where it can be", () => {
    expect(mime(mail()).toString()).toBe(
      [
        "From: Carillon <hello@carillon.localhost>",
        "To: ann@example.test",
        "Subject: Title",
        "Message-ID: <4a2b@carillon.localhost>",
        "X-Carillon-Delivery: 4a2b",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "It happened.",
        "",
      ].join("\r\n"),
    );
  });

  it("offers a text and an HTML", async () => {
    const { text, html, headers } = await PostalMime.parse(mime(mail({ html: "<p>Es ist <b>geschehen</b>: größer</p>" })));
    expect([trimmed(text), trimmed(html)]).toEqual(["It happened.", "<p>Es ist <b>geschehen</b>: größer</p>"]);
    expect(headers.find(({ key }) => key === "content-type")?.value).toContain("multipart/alternative");
  });

  it.each(["Carillon", "", "Carillon, Inc.", "O'Hara & Söhne", "鐘"])("names its sender %j", async (name) => {
    const { from } = await PostalMime.parse(mime(mail({ from: { name, address: "hello@carillon.localhost" } })));
    expect(from).toMatchObject({ name, address: "hello@carillon.localhost" });
  });

  it("whatever it says is read as it was written, in ASCII lines of at most 76 characters", async () => {
    await fc.assert(
      fc.asyncProperty(line, words, fc.option(words, { nil: undefined }), async (subject, text, html) => {
        const raw = mime(mail({ subject, text, ...(html !== undefined && { html }) }));
        for (const each of raw.toString("latin1").split("\r\n")) {
          expect(each.length).toBeLessThanOrEqual(76);
          expect(each).toMatch(/^[\t\x20-\x7e]*$/);
        }
        const read = await PostalMime.parse(raw);
        expect(trimmed(read.text)).toBe(trimmed(text.toWellFormed()));
        if (html !== undefined) expect(trimmed(read.html)).toBe(trimmed(html.toWellFormed()));
        const blanks = (said = "") => said.toWellFormed().replaceAll(/\s+/g, " ").trim();
        expect(blanks(read.subject)).toBe(blanks(subject));
        expect(read.headers.map(({ key }) => key)).toEqual(
          ["from", "to", "subject", "message-id", "x-carillon-delivery", "date", "mime-version", "content-type"].concat(
            html === undefined ? "content-transfer-encoding" : [],
          ),
        );
      }),
      { numRuns: 300 },
    );
  });
});
