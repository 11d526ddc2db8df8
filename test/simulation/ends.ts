/**
 * Watches whether what ends deliveries has a cause, as the log is told of each: something that people did by then, an answer of a provider,
 * or something that befell the process which had it. An end without one is a mail that was promised and that nobody gets.
 *
 * That what is told to be sent was sent, the verdict looks at (verdict.ts).
 */
import { fromBinary } from "@bufbuild/protobuf";
import { quietUntil } from "#domain/decide/quiet-hours.ts";
import { isTerminal } from "#domain/decide/status.ts";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeliveryEvent, Moment, type NotificationRequested, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Plan } from "./faults.ts";
import { type Act, addressOf, type Load, ONCE, QUIET } from "./load.ts";
import type { Report } from "./report.ts";
import type { Sends } from "./sends.ts";
import type { Timeline } from "./timeline.ts";
import type { Tries } from "./tries.ts";

export interface EndsNeeds {
  readonly load: Load;
  readonly plan: Pick<Plan, "faults" | "maxRetryCount" | "rates">;
  readonly timeline: Pick<Timeline, "nowMs" | "startMs">;
  readonly sends: Pick<Sends, "begun">;
  readonly tries: Pick<Tries, "isCutOff">;
  readonly report: Report;
}

/** What is told to have ended. */
type Told = Pick<DeliveryEvent, "notificationId" | "userId" | "channel" | "deliveryId" | "cycle" | "target">;

/** The longest of a wait that a provider's tokens do not make: an outage's, a retry's, one that a provider asked for. */
const LONGEST_WAIT_MS = 60_000;

export class Ends {
  readonly #needs: EndsNeeds;
  readonly #asked: ReadonlyMap<string, NotificationRequested>;
  /** How long before its expiry something may be told to have expired: a clock was ahead, and it would have had to wait. */
  readonly #earlyMs: number;

  constructor(needs: EndsNeeds) {
    this.#needs = needs;
    const { load, plan } = needs;
    this.#asked = new Map(
      load.asked.map(({ notificationId, requested }) => [notificationId, fromBinary(NotificationRequestedSchema, requested)]),
    );
    const aheadMs = plan.faults.reduce((sum, fault) => sum + (fault.is === "has its clock set" ? Math.max(0, fault.byMs) : 0), 0);
    const recipients = load.asked.reduce((sum, { userIds }) => sum + Math.max(1, userIds.length), 0);
    // All of them in line at two processes, which have half of the tokens each.
    const inLineMs = plan.rates.map((rate) => (rate ? (2 * recipients * 1_000) / rate.perSecond : 0));
    this.#earlyMs = aheadMs + Math.max(LONGEST_WAIT_MS, ...inLineMs);
  }

  /** The log was told of it just now. */
  told(event: DeliveryEvent): void {
    const { moment, status, reason, decisions } = event;
    if (moment === Moment.DELIVERY && isTerminal(status) && status !== DeliveryStatus.SENT) this.#look(event, reason);
    if (moment === Moment.REFUSED) this.#look(event, reason);
    if (moment === Moment.CANCELED) this.#look(event, "canceled");
    for (const { send, channel, deliveryId, reasons } of decisions)
      if (!send) this.#look({ ...event, channel, deliveryId }, reasons.at(-1) ?? "");
  }

  #look(told: Told, reason: string): void {
    if (this.#isCaused(told, reason)) return;
    const { notificationId, deliveryId, cycle } = told;
    this.#needs.report(
      "an end has its cause",
      `${deliveryId || notificationId} ended as ${reason} in cycle ${cycle}, and nothing led to that`,
    );
  }

  #isCaused(told: Told, reason: string): boolean {
    const { plan, tries } = this.#needs;
    const { notificationId, userId, deliveryId, cycle } = told;
    const asked = this.#asked.get(notificationId);
    if (!asked) return false;
    switch (reason) {
      case "refused_by_provider":
        return this.#outcomes(told).includes("rejected");
      case "attempts_exhausted":
        return this.#outcomes(told).filter((is) => is === "retry" || is === "unknown").length > plan.maxRetryCount;
      case "send_unresolved_once":
        return asked.category === ONCE && (this.#outcomes(told).includes("unknown") || tries.isCutOff(deliveryId, cycle));
      case "expired":
      case "expires_in_quiet_hours":
        return this.#isExpired(asked, told);
      case "canceled":
        return this.#acts("cancel").some((act) => act.notificationId === notificationId);
      case "erased":
        return this.#acts("erase").some((act) => act.userId === userId);
      case "suppressed":
      case "suppressed_manual":
        return this.#isSuppressed(told);
      case "category_muted":
      case "everything_muted":
      case "not_preferred":
        return this.#changes(told).some(({ choice }) => choice !== undefined);
      case "not_requested":
        return asked.channels.length > 0 && !asked.channels.includes(told.channel);
      case "no_email_address":
        return this.#changes(told).some(({ person }) => person.email === "") || this.#acts("erase").some((act) => act.userId === userId);
      case "no_person":
        return userId === "";
      default:
        return false;
    }
  }

  /** Of its sends, however their processes heard of it. */
  #outcomes({ deliveryId, cycle }: Told): readonly string[] {
    const its = this.#needs.sends.begun.filter((send) => send.deliveryId === deliveryId && send.lease?.of.cycle === cycle);
    return its.flatMap(({ outcome }) => (outcome ? [outcome.is] : []));
  }

  #isExpired({ expiresAtMs }: NotificationRequested, told: Told): boolean {
    const { timeline } = this.#needs;
    if (timeline.nowMs + this.#earlyMs >= expiresAtMs) return true;
    const quietMs = quietUntil(QUIET, "UTC", timeline.startMs);
    return quietMs !== undefined && quietMs >= expiresAtMs && this.#changes(told).some(({ hours }) => hours !== undefined);
  }

  /** An address when it was the person's at any time. */
  #isSuppressed(told: Told): boolean {
    const { userId, channel, target } = told;
    const addresses = new Set([target, addressOf(userId), ...this.#changes(told).map(({ person }) => person.email)]);
    for (const { email } of this.#asked.get(told.notificationId)?.recipients ?? []) addresses.add(email);
    return this.#acts("suppress").some(({ who }) =>
      who.userId === "" ? channel === Channel.EMAIL && addresses.has(who.address) : who.userId === userId,
    );
  }

  /** What people had asked for by now. */
  #acts<Does extends Act["does"]>(does: Does): readonly (Act & { readonly does: Does })[] {
    const isAsked = (act: Act): act is Act & { readonly does: Does } => act.does === does && act.atMs <= this.#needs.timeline.nowMs;
    return this.#needs.load.acts.filter(isAsked);
  }

  #changes({ userId }: Told): Load["changes"] {
    return this.#needs.load.changes.filter(({ atMs, person }) => person.userId === userId && atMs <= this.#needs.timeline.nowMs);
  }
}
