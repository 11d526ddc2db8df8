/** The stats as anybody may count them from the history. */
import { fromBinary } from "@bufbuild/protobuf";
import { DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { countedIn } from "./counted.ts";
import { dayOf } from "./days.ts";
import type { DayCount } from "./store.ts";

export function recountOf(history: readonly Uint8Array[]): DayCount[] {
  const events = history.map((bytes) => fromBinary(DeliveryEventSchema, bytes));
  const counted = events.flatMap((event) => countedIn(event).map((each) => ({ ...each, day: dayOf(Number(event.atMs)) })));
  const groups = Map.groupBy(counted, ({ day, channel, status }) => JSON.stringify([day, channel, status]));
  return [...groups.values()]
    .map(([first, ...more]) => ({
      ...{ day: first?.day ?? 0, channel: first?.channel ?? 0, status: first?.status ?? 0, count: 1 + more.length },
    }))
    .sort((a, b) => a.day - b.day || a.channel - b.channel || a.status - b.status);
}
