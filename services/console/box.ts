/**
 * What a mailbox has taken, and each environment's own: one cannot see, nor push out, what another has.
 *
 * Mails are kept raw and parsed when somebody reads them: taking one costs next to nothing beside the pipeline that sends it. Bounded: the
 * newest 1,000, 64 MiB in all.
 */
import { systemClock } from "#platform/clock.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { type MailboxMessage, type RawMail, readMail } from "./message.ts";

const MOST_MAILS = 1_000;
const MOST_BYTES = 64 * 1024 * 1024;

export interface Box {
  keep(mail: Pick<RawMail, "raw" | "from" | "to">): void;
  /** Newest first; `to` is one whole address, in any case. */
  messages(wanted?: { readonly limit?: number; readonly to?: string }): Promise<readonly MailboxMessage[]>;
  message(id: string): Promise<MailboxMessage | undefined>;
  /** Another after every change: who holds the same one has the same messages. */
  version(): string;
  empty(): void;
}

interface Kept extends RawMail {
  parsed?: Promise<MailboxMessage>;
}

export function openBox(): Box {
  const kept: Kept[] = [];
  let bytes = 0;
  let version = uuidv7(systemClock.nowMs());
  const changed = () => {
    version = uuidv7(systemClock.nowMs());
  };
  const read = (mail: Kept) => (mail.parsed ??= readMail(mail));
  return {
    keep({ raw, from, to }) {
      const receivedAt = systemClock.nowMs();
      kept.push({ id: uuidv7(receivedAt), receivedAt, raw, from, to });
      bytes += raw.byteLength;
      while (kept.length > MOST_MAILS || bytes > MOST_BYTES) bytes -= (kept.shift() as Kept).raw.byteLength;
      changed();
    },
    messages({ limit = MOST_MAILS, to } = {}) {
      const address = to?.toLowerCase();
      const wanted = address === undefined ? kept : kept.filter((mail) => mail.to.some((each) => each.toLowerCase() === address));
      return Promise.all(wanted.slice(-limit).reverse().map(read));
    },
    async message(id) {
      const mail = kept.find((each) => each.id === id);
      return mail && read(mail);
    },
    version: () => version,
    empty() {
      kept.length = 0;
      bytes = 0;
      changed();
    },
  };
}

export type Boxes = (environment: string) => Box;

export function openBoxes(): Boxes {
  const boxes = new Map<string, Box>();
  return (environment) => {
    const box = boxes.get(environment) ?? openBox();
    boxes.set(environment, box);
    return box;
  };
}
