/** What is told of a delivery that ended or was put off: its record is done with its outputs, and people hear of it. */
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Batch, Received } from "#platform/stage/stage.ts";
import type { Unsendable } from "./compose.ts";
import type { Integration } from "./integration.ts";
import { type Deferred, type Ended, givenUp, type Waiting } from "./outcome.ts";
import { deferralOutputs, endOutput, missedOn, type Said } from "./outputs.ts";
import { type ReportNeeds, reporting } from "./report.ts";
import type { Outcome } from "./sender.ts";

/** Of which record, and who would have sent it or did. */
export interface Told {
  readonly received: Received<Delivery>;
  readonly batch: Batch<Delivery>;
  readonly by: Integration;
}

/** What was heard of the provider: `said` for the event, `code` for the log. */
interface Heard {
  readonly said?: Said;
  readonly code?: string;
}

export const telling = (needs: ReportNeeds & { readonly clock: Clock }) => {
  const report = reporting(needs);
  return {
    ended({ received, batch, by }: Told, ended: Ended, atMs: number, { said, code }: Heard = {}): void {
      const { cycle, attempt, wait } = received.value;
      const event = endOutput(received, ended, atMs, said);
      report.ended(received.value, ended, by.sender.id, code);
      // The dead letter is the record that died; an older one that comes again is not.
      const own = ended.by.attempt === attempt && ended.by.wait === wait;
      if (ended.is === "dead" && own) {
        const { provider = "", detail = "" } = said ?? {};
        const way = missedOn(undefined, received, atMs, said);
        batch.bury(received, ended.reason, { detail, provider, cycle, attempt: ended.attempt, way }, event);
      } else batch.done(received, event);
    },
    deferred({ received, batch, by }: Told, deferred: Deferred, atMs: number, { said, code }: Heard = {}): void {
      report.deferred(received.value, deferred, atMs, by.sender.id, code);
      batch.done(received, ...deferralOutputs(received, deferred, atMs, said));
    },
    /** `began`: the wait that began already, whose outputs are made once more. */
    repeated({ received, batch }: Told, began?: { readonly put: Deferred; readonly atMs: number }): void {
      report.repeat(received.value);
      batch.done(received, ...(began ? deferralOutputs(received, began.put, began.atMs) : []));
    },
    /** No try can be made of it, so the ledger has nothing to know. */
    unsendable({ received, batch, by }: Told, { unsendable, detail }: Unsendable): void {
      const dead = givenUp(received.value, unsendable);
      report.ended(received.value, dead, by.sender.id, unsendable);
      const { cycle } = received.value;
      batch.bury(received, unsendable, { detail, cycle }, endOutput(received, dead, needs.clock.nowMs(), { provider: "", detail }));
    },
  };
};

/** `missed`: who was asked before, in the same try, and was out. */
export function heardOf(outcome: Outcome, { sender }: Integration, missed: NonNullable<Said["missed"]> = []): Heard {
  const said = { provider: sender.id, detail: outcome.detail, missed };
  if (outcome.is === "accepted") return { said: { ...said, providerMessageId: outcome.providerMessageId } };
  return { said, code: outcome.code };
}

export const waitingOf = ({ deliveryId, attempt, wait, expiresAtMs, quietHours, timeZone, atMostOnce }: Delivery): Waiting => ({
  ...{ deliveryId, attempt, wait, quietHours, timeZone, atMostOnce },
  expiresAtMs: Number(expiresAtMs),
});
