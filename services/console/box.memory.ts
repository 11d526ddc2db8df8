/** Mailboxes in the memory of the process, gone when it ends. */
import type { Clock } from "#platform/clock.ts";
import { uuidv7 } from "#platform/uuid.ts";
import { type Box, type Boxes, isTo, MOST_BYTES, MOST_MAILS } from "./box.ts";
import { type MailboxMessage, type RawMail, readMail } from "./message.ts";

interface Kept extends RawMail {
  parsed?: Promise<MailboxMessage>;
}

export function memoryBoxes(clock: Clock): Boxes {
  const boxes = new Map<string, Box>();
  return (environment) => {
    const box = boxes.get(environment) ?? memoryBox(clock);
    boxes.set(environment, box);
    return box;
  };
}

function memoryBox(clock: Clock): Box {
  /** By id, oldest first. */
  const kept = new Map<string, Kept>();
  let bytes = 0;
  let version = uuidv7(clock.nowMs());
  const changed = () => {
    version = uuidv7(clock.nowMs());
  };
  const read = (mail: Kept) => (mail.parsed ??= readMail(mail));
  return {
    async keep({ raw, from, to, id = uuidv7(clock.nowMs()) }) {
      if (kept.has(id)) return;
      kept.set(id, { id, receivedAt: clock.nowMs(), raw, from, to });
      bytes += raw.byteLength;
      for (const [oldest, mail] of kept) {
        if (kept.size <= MOST_MAILS && bytes <= MOST_BYTES) break;
        kept.delete(oldest);
        bytes -= mail.raw.byteLength;
      }
      changed();
    },
    messages({ limit = MOST_MAILS, to } = {}) {
      const wanted = [...kept.values()].filter((mail) => isTo(mail, to));
      return Promise.all(wanted.slice(-limit).reverse().map(read));
    },
    async message(id) {
      const mail = kept.get(id);
      return mail && read(mail);
    },
    version: async () => version,
    async empty() {
      kept.clear();
      bytes = 0;
      changed();
    },
  };
}
