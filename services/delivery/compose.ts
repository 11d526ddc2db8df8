/**
 * A delivery as a mail. Pure.
 *
 * Title and address become headers and envelope, so both are held to their grammar once more: a raw topic takes records from anybody.
 */
import { normaliseEmail } from "#domain/channels/email.ts";
import { plainText } from "#domain/channels/text.ts";
import type { Content } from "#gen/carillon/common/v1/common_pb.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Mail, Mailbox } from "./sender.ts";

/** Why a delivery can never become a mail. Names nobody. */
export interface Unsendable {
  readonly unsendable: "undecodable" | "invalid" | "render_failed" | "ledger_malformed";
  readonly detail: string;
}

const SUBJECT_FROM_TEXT_CHARS = 78;
/** Every control character: CR and LF would begin a header of their own. */
const CONTROL = /\p{Cc}/u;

/** `content`: the delivery's words. */
export function compose(delivery: Delivery, content: Content, from: Mailbox, nowMs: number): Mail | Unsendable {
  if (/[\r\n\0]/.test(content.title)) return { unsendable: "invalid", detail: "content.title must be one line" };
  const to = normaliseEmail(delivery.target);
  if (to === undefined) return { unsendable: "invalid", detail: "target is not one email address" };
  const text = content.body || (content.html && plainText(content.html));
  return {
    from,
    to,
    subject: content.title || firstLine(text) || "Notification",
    text: text || content.title,
    ...(content.html !== "" && { html: content.html }),
    messageId: `<${delivery.deliveryId}@${from.address.slice(from.address.lastIndexOf("@") + 1)}>`,
    headers: {
      // RFC 3834: keeps holiday replies away.
      "Auto-Submitted": "auto-generated",
      "X-Carillon-Notification": delivery.notificationId,
      "X-Carillon-Delivery": delivery.deliveryId,
    },
    date: new Date(nowMs),
  };
}

function firstLine(text: string): string {
  const line = text.trim().split(/[\r\n]/, 1)[0] as string;
  const clean = line.replaceAll(new RegExp(CONTROL, "gu"), " ").trim();
  return clean.length > SUBJECT_FROM_TEXT_CHARS ? `${clean.slice(0, SUBJECT_FROM_TEXT_CHARS - 1)}…` : clean;
}
