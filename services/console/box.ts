/**
 * What a mailbox has taken, as a port: each environment has its own, and cannot see, nor push out, what another has. Its suite is
 * box.suite.ts.
 *
 * Mails are kept raw and parsed when somebody reads them: taking one costs next to nothing beside the pipeline that sends it. Bounded: the
 * newest 1,000, 64 MiB in all.
 */
import type { MailboxMessage, RawMail } from "./message.ts";

export const MOST_MAILS = 1_000;
export const MOST_BYTES = 64 * 1024 * 1024;

export interface NewMail extends Pick<RawMail, "raw" | "from" | "to"> {
  /** Of two mails with the same one the second is the first again, and is not kept; left out, the mail is one of its own. */
  readonly id?: string;
}

/** Rejects with Problem STORE_UNAVAILABLE while what keeps the mails cannot be reached; what was asked may have been done. */
export interface Box {
  keep(mail: NewMail): Promise<void>;
  /** Newest first; `to` is one whole address, in any case. */
  messages(wanted?: { readonly limit?: number; readonly to?: string }): Promise<readonly MailboxMessage[]>;
  message(id: string): Promise<MailboxMessage | undefined>;
  /** Another after every change: who holds the same one has the same messages. */
  version(): Promise<string>;
  empty(): Promise<void>;
}

export type Boxes = (environment: string) => Box;

/** Whether a mail went to this whole address. */
export const isTo = ({ to }: Pick<RawMail, "to">, address: string | undefined): boolean =>
  address === undefined || to.some((each) => each.toLowerCase() === address.toLowerCase());
