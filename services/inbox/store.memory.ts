/** The inbox in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. */
import type { DeliveryPlace, InboxStore, Placed, Row } from "./store.ts";

const KEPT = 1_000;

interface Person {
  readonly epoch: string;
  topSeq: number;
  /** Oldest first. */
  rows: readonly Row[];
}

export function memoryInboxStore(keep = KEPT): InboxStore {
  const people = new Map<string, Person>();
  let made = 0;
  const keyOf = (environment: string, userId: string) => JSON.stringify([environment, userId]);
  const known = (environment: string, userId: string) => people.get(keyOf(environment, userId));
  const make = (environment: string, userId: string): Person => {
    const person = known(environment, userId) ?? { epoch: `memory-${made++}`, topSeq: 0, rows: [] };
    people.set(keyOf(environment, userId), person);
    return person;
  };
  const placeOf = ({ environment, userId, deliveryId }: DeliveryPlace): Placed | undefined => {
    const person = known(environment, userId);
    const row = person?.rows.find((each) => each.deliveryId === deliveryId);
    return person && row && { epoch: person.epoch, seq: row.seq, createdAtMs: row.createdAtMs };
  };
  return {
    add: async (rows) =>
      rows.map((given) => {
        const earlier = placeOf(given);
        if (earlier) return earlier;
        const { environment, userId, ...row } = given;
        const person = make(environment, userId);
        const seq = ++person.topSeq;
        person.rows = [...person.rows, { ...row, seq }].slice(-keep);
        return { epoch: person.epoch, seq, createdAtMs: row.createdAtMs };
      }),
    placed: async (deliveries) => deliveries.map(placeOf),
    async box(environment, userId) {
      const { epoch = "", topSeq = 0 } = known(environment, userId) ?? {};
      return { epoch, topSeq };
    },
    after: async (environment, userId, seq, limit) =>
      (known(environment, userId)?.rows ?? []).filter((row) => row.seq > seq).slice(0, limit),
    async erase(environment, userId) {
      people.delete(keyOf(environment, userId));
    },
    seqOf: async (environment, userId, notificationId) =>
      known(environment, userId)?.rows.findLast((row) => row.notificationId === notificationId)?.seq,
  };
}
