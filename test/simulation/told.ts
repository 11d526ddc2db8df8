/** What the log has been told of notifications and deliveries, as far as it goes, and what of that came about how often. */
import { fromBinary } from "@bufbuild/protobuf";
import { quietUntil } from "#domain/decide/quiet-hours.ts";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, type DeliveryEvent, DeliveryEventSchema, DeliverySchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import type { Output } from "#platform/log/log.ts";
import type { Leases } from "./leases.ts";
import { PROVIDERS } from "./provider.ts";
import type { Timeline } from "./timeline.ts";

export class Told {
  /** By notification, as the tracker has them sooner or later. */
  readonly events = new Map<string, DeliveryEvent[]>();
  readonly marks = new Map<string, number>();
  lastMs: number;
  /** Called with every event. */
  onEvent: (event: DeliveryEvent) => void = () => undefined;
  readonly #timeline: Timeline;
  readonly #leases: Leases;
  /** By delivery and cycle, as it is on its way. */
  readonly #deliveries = new Map<string, Delivery>();

  constructor(timeline: Timeline, leases: Leases) {
    this.#timeline = timeline;
    this.#leases = leases;
    this.lastMs = timeline.nowMs;
  }

  readonly mark = (what: string): void => {
    this.marks.set(what, (this.marks.get(what) ?? 0) + 1);
  };

  readonly appended = (outputs: readonly Output[]): void => {
    this.lastMs = this.#timeline.nowMs;
    for (const { topic, value } of outputs) {
      if (topic === topics.deliveryEvents) this.#event(fromBinary(DeliveryEventSchema, value));
      else if (topic.schema === DeliverySchema) this.#delivery(value);
    }
  };

  /** Whether a mail has to wait at that time, by the hours that go along with it. */
  readonly isQuiet = (deliveryId: string, cycle: number, nowMs: number): boolean => {
    const { quietHours, timeZone = "" } = this.#deliveries.get(`${deliveryId} ${cycle}`) ?? {};
    return quietHours !== undefined && quietUntil(quietHours, timeZone, nowMs) !== undefined;
  };

  #event(event: DeliveryEvent): void {
    const { notificationId, deliveryId, moment, status, reason, cycle, provider } = event;
    this.events.set(notificationId, [...(this.events.get(notificationId) ?? []), event]);
    this.onEvent(event);
    if (moment !== Moment.DELIVERY) return;
    if (reason !== "") this.mark(reason);
    if (cycle > 1) this.mark("replayed");
    if (status === DeliveryStatus.SENT && provider === PROVIDERS[1]) this.mark("failed over");
    if (status === DeliveryStatus.DEFERRED) this.#leases.putOff.add(deliveryId);
    if (status === DeliveryStatus.DEAD) this.#leases.died(deliveryId, cycle);
  }

  /** People also write what nobody can read. */
  #delivery(value: Uint8Array): void {
    try {
      const delivery = fromBinary(DeliverySchema, value);
      this.#deliveries.set(`${delivery.deliveryId} ${delivery.cycle}`, delivery);
    } catch {}
  }
}
