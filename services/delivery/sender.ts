/** A provider, opened: takes mails and says what became of each. */

/** Ready to send: every field that becomes a header is one line. */
export interface Mail {
  readonly from: Mailbox;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  /** With its angle brackets. The same for every try of a delivery, so that a repeat can be recognised. */
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly date: Date;
}

export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/**
 * - accepted: the provider took it over.
 * - rejected: it refused this message for good; trying again would change nothing.
 * - retry: it refused this message for now.
 * - outage: nothing is known against the message; the provider cannot be reached, or serves nobody.
 * - unknown: the message was handed over whole, but no answer came: it may have been sent.
 *
 * `code` is short and names nobody (for logs); `detail` is what the provider said, which may name people (never for logs).
 */
export type Outcome =
  | { readonly is: "accepted"; readonly providerMessageId: string; readonly detail: string }
  | Refusal<"rejected">
  | (Refusal<"retry"> & Later)
  | (Refusal<"outage"> & Later)
  | Refusal<"unknown">;

interface Refusal<Is> {
  readonly is: Is;
  readonly code: string;
  readonly detail: string;
}

interface Later {
  /** When the provider wants to be asked again, where it says so. */
  readonly afterMs?: number;
}

export interface Sender {
  /** The provider's name in events. */
  readonly id: string;
  /** Sends at the same time, at most; those not counted whose answer takes long, which are as many again at most. */
  readonly width: number;
  /**
   * Never rejects. Answers at once when the signal aborts, and nothing more is handed over from then on.
   * `handedOver` is called when the provider has the whole message and what is missing is its answer; by senders that may get one late.
   */
  send(mail: Mail, signal: AbortSignal, handedOver: () => void): Promise<Outcome>;
  /** Sends under way are answered as if the connection had been lost. */
  close(): Promise<void>;
}
