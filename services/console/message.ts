/** A mail as the mailbox shows it, read from its raw bytes. What cannot be read is shown as it came: a mailbox hides nothing. */
import PostalMime, { decodeWords } from "postal-mime";

export interface RawMail {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly raw: Buffer;
  /** Of the envelope. */
  readonly from: string;
  /** Of the envelope. */
  readonly to: readonly string[];
}

export interface MailboxMessage {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** The From header; the envelope's sender where there is none. */
  readonly from: string;
  /** The envelope's recipients: who really gets it. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Names in lower case, encoded words decoded; a header that occurs several times has its values joined by line breaks. */
  readonly headers: Readonly<Record<string, string>>;
}

export async function readMail({ id, receivedAt, raw, from, to }: RawMail): Promise<MailboxMessage> {
  try {
    const { headers: found, subject = "", text = "", html = "" } = await PostalMime.parse(raw);
    const headers = new Map<string, string>();
    for (const { key, value } of found) {
      const earlier = headers.get(key);
      const decoded = decodeWords(value);
      headers.set(key, earlier === undefined ? decoded : `${earlier}\n${decoded}`);
    }
    return { id, receivedAt, from: headers.get("from") ?? from, to, subject, text, html, headers: Object.fromEntries(headers) };
  } catch {
    return { id, receivedAt, from, to, subject: "", text: raw.toString(), html: "", headers: {} };
  }
}
