/**
 * What an SMTP server's answer, or its absence, means for a message.
 *
 * Reply codes are those of RFC 5321 section 4.2 and RFC 4954 (authentication), enhanced codes those of RFC 3463. A reply counts against the
 * message only where the command was about the message (MAIL FROM, RCPT TO, DATA); at any other point the server is refusing *us*. An
 * enhanced code tells the recipient's trouble from the server's where the reply code cannot: 452 4.2.2 is a full mailbox, 452 4.3.1 a full
 * disk; and what a server says of its own state (4.3) or of how much it takes from us (4.7) burns no attempt of the message. What is not in
 * the tables counts against the message, for now: attempts bound it. Once the message was handed over, only a refusal says that it was not
 * taken: whatever else happens then leaves that open.
 */
import type { Outcome } from "../../sender.ts";

/** What nodemailer throws, as far as it is used. */
export interface SmtpError {
  readonly message: string;
  readonly code?: string | undefined;
  /** The system's own code under a general one: ECONNREFUSED under ESOCKET. */
  readonly originalCode?: string | undefined;
  readonly command?: string | undefined;
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
}

type Kind = "rejected" | "retry" | "outage";

const messageCommands: ReadonlySet<string | undefined> = new Set(["MAIL FROM", "RCPT TO", "DATA"]);

/** Replies whose first digit does not say enough. */
const byReply: Readonly<Record<number, Kind>> = {
  421: "outage", // the service is closing down
  432: "outage", // our password has to be changed
  450: "retry", // mailbox busy; greylisting
  451: "retry", // local error in processing; greylisting
  452: "outage", // the server's storage, or our quota
  454: "outage", // temporary authentication failure, TLS not available
  455: "retry", // parameters cannot be taken now
  503: "retry", // the session got out of step, which a new one mends
  530: "outage", // authentication or STARTTLS wanted from us
  534: "outage", // our authentication mechanism is too weak
  535: "outage", // our credentials
  538: "outage", // encryption wanted for our mechanism
};

/** Enhanced codes, or their first two numbers, that speak more clearly than the replies 450 to 452 under which they come. */
const byEnhanced: Readonly<Record<string, Kind>> = {
  "4.2": "retry", // the mailbox: disabled, full, receiving too fast
  "4.3": "outage", // the mail system: full, overloaded, not accepting
  "4.3.4": "retry", // the message is too large for the system
  "4.4.5": "outage", // mail system congestion
  "4.5.3": "retry", // too many recipients
  "4.7": "outage", // policy: the sender's rate (4.7.0, 4.7.28 of Gmail, 4.7.500 and 4.7.650 of Exchange Online)
  "4.7.1": "retry", // delivery not authorised for now: greylisting, which is about this recipient
};

/** Trouble of the connection, without a reply. EABORT: our own deadline. */
const connection: ReadonlySet<string | undefined> = new Set([
  "ECONNECTION",
  "ETIMEDOUT",
  "ESOCKET",
  "EDNS",
  "ETLS",
  "EREQUIRETLS",
  "EPROTOCOL",
  "EPROXY",
  "EAUTH",
  "ENOAUTH",
  "EOAUTH2",
  "EABORT",
]);

/** Refused by nodemailer itself, for what the message is. */
const refusedHere: ReadonlySet<string | undefined> = new Set(["EENVELOPE", "EMESSAGE"]);

/** `handedOver`: the message had been written to its end when this happened; a reply is then about the message, whatever it follows. */
export function classify(error: SmtpError, handedOver: boolean): Outcome {
  const { responseCode, response, message } = error;
  const about = { code: codeOf(error), detail: response ?? message };
  if (handedOver)
    return { is: responseCode !== undefined && isRefusal(responseCode) ? kindOf(responseCode, response) : "unknown", ...about };
  if (responseCode !== undefined) return { is: messageCommands.has(error.command) ? kindOf(responseCode, response) : "outage", ...about };
  if (connection.has(error.code)) return { is: "outage", ...about };
  return { is: refusedHere.has(error.code) ? "rejected" : "retry", ...about };
}

const isRefusal = (reply: number): boolean => reply >= 400 && reply < 600;

function kindOf(reply: number, response = ""): Kind {
  const enhanced = reply >= 450 && reply <= 452 ? (enhancedOf(response) ?? "") : "";
  const [, subject = ""] = /^(\d\.\d+)\./.exec(enhanced) ?? [];
  return byEnhanced[enhanced] ?? byEnhanced[subject] ?? byReply[reply] ?? (reply >= 500 ? "rejected" : "retry");
}

const enhancedOf = (response: string): string | undefined => /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];

/** "550 5.1.1", "ECONNREFUSED", "ETIMEDOUT". */
function codeOf({ responseCode, response = "", originalCode, code }: SmtpError): string {
  if (responseCode === undefined) return originalCode ?? code ?? "unrecognised";
  const enhanced = enhancedOf(response);
  return enhanced === undefined ? String(responseCode) : `${responseCode} ${enhanced}`;
}
