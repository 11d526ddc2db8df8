/**
 * A mail as MIME (RFC 5322, 2045 to 2047): headers, then a text, or a text and an HTML to choose from. Pure.
 *
 * nodemailer can write any mail, and takes twice as long for it as for sending it. Ours are all alike, so they are put together here; what
 * needs encoding is encoded by nodemailer's functions. Lines end in CRLF, and are of at most 76 characters where no address is longer.
 */
import { wrap as wrapBase64 } from "nodemailer/lib/base64";
import { encodeWord, foldLines } from "nodemailer/lib/mime-funcs";
import { encode as encodeQuoted, wrap as wrapQuoted } from "nodemailer/lib/qp";
import type { Mail, Mailbox } from "../../sender.ts";

const LINE_CHARS = 76;
/** What keeps a body from going as it is: anything but printable ASCII, or a line that is too long. */
const NOT_PLAIN = /[^\t\r\n\x20-\x7e]|[^\r\n]{77}/;
const PLAIN_HEADER = /^[\x20-\x7e]*$/;
const CONTROL = /\p{Cc}+/gu;

export function mime({ from, to, subject, text, html, messageId, headers, date }: Mail): Buffer {
  const head = [
    `From: ${mailbox(from)}`,
    `To: ${to}`,
    header("Subject", subject),
    `Message-ID: ${messageId.replaceAll(CONTROL, "")}`,
    ...Object.entries(headers).map(([name, value]) => header(name, value)),
    `Date: ${date.toUTCString().replace("GMT", "+0000")}`,
    "MIME-Version: 1.0",
  ];
  if (html === undefined) head.push(part("plain", text));
  else {
    // No encoded part has a line that begins with it: quoted-printable never has "=_", and base64 has no "=" but at its end.
    const boundary = `=_${messageId.replace(/[^A-Za-z0-9-]/g, "").slice(0, 60)}`;
    head.push(`Content-Type: multipart/alternative; boundary="${boundary}"`, "");
    for (const [kind, content] of [["plain", text] as const, ["html", html] as const])
      head.push(`--${boundary}`, part(kind, content, true));
    head.push(`--${boundary}--`, "");
  }
  return Buffer.from(head.join("\r\n"), "latin1");
}

/** One header, or several lines of it. */
function header(name: string, value: string): string {
  const line = `${name}: ${value}`;
  if (line.length <= LINE_CHARS && PLAIN_HEADER.test(value) && !value.includes("=?")) return line;
  return foldLines(`${name}: ${encodeWord(value.toWellFormed().replaceAll(CONTROL, " "), "Q", 52)}`, LINE_CHARS);
}

function mailbox({ name, address }: Mailbox): string {
  if (name === "") return address;
  const isAtoms = /^[\w ]*$/.test(name);
  if (isAtoms) return `${name} <${address}>`;
  return PLAIN_HEADER.test(name) ? `"${name.replaceAll(/[\\"]/g, "\\$&")}" <${address}>` : `${encodeWord(name, "Q", 52)} <${address}>`;
}

/** Its headers and its content, encoded where it has to be. */
function part(kind: "plain" | "html", content: string, hasToBe = false): string {
  const body = content.replaceAll(/\r\n?|\n/g, "\r\n");
  const type = `Content-Type: text/${kind}; charset=utf-8\r\nContent-Transfer-Encoding: `;
  if (!hasToBe && !NOT_PLAIN.test(body)) return `${type}7bit\r\n\r\n${body}\r\n`;
  const bytes = Buffer.from(body);
  // Mostly other scripts: quoted-printable would triple it.
  if (bytes.byteLength > 1.5 * body.length) return `${type}base64\r\n\r\n${wrapBase64(bytes.toString("base64"), LINE_CHARS)}\r\n`;
  return `${type}quoted-printable\r\n\r\n${wrapQuoted(encodeQuoted(bytes), LINE_CHARS)}\r\n`;
}
