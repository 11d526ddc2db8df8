/** Why a record of the raw topic goes no further: a code, words that name the field, and the id that its writer gave it, if any. */
import type { Violation } from "#domain/errors.ts";
import type { Reason } from "#domain/reasons.ts";
import { isId } from "#platform/raw/id.ts";

/** As dead letters and delivery events keep it. */
const DETAIL_MOST_CHARS = 1_000;

export class Refusal {
  readonly reason: Reason;
  readonly detail: string;
  /** Empty when the writer gave none: then nobody can ask about it. */
  readonly notificationId: string;

  constructor(reason: Reason, found: string | readonly Violation[], notificationId: unknown) {
    this.reason = reason;
    this.detail = (typeof found === "string" ? found : found.map(wordsOf).join("; ")).slice(0, DETAIL_MOST_CHARS);
    this.notificationId = isId(notificationId) ? notificationId : "";
  }
}

const wordsOf = ({ field, description }: Violation) => `${field}: ${description}`;
