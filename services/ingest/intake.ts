/**
 * The intake: reserves, appends durably, marks accepted. The one way in, for Send, SendBatch and the REST facades.
 *
 * Killed before the append: nothing was acknowledged, and a repeat with the key appends. Killed after it: the record is in the log, and a
 * repeat appends a second one with the same id, which everything behind collapses.
 */
import { Problem } from "#domain/errors.ts";
import type { Given } from "#platform/host.ts";
import type { Candidate } from "./accept.ts";
import { type RawRecord, rawRecords } from "./records.ts";
import type { Reservation, Reservations } from "./reservations.ts";

export interface Taken {
  readonly reservation: Reservation;
  /** An earlier request with the same key was acknowledged; the reservation is that one's. */
  readonly repeated: boolean;
}

export class Intake {
  readonly #given: Pick<Given, "log" | "logger">;
  readonly #reservations: Reservations;
  readonly #record: RawRecord;
  /** Appends that this process has begun and not ended, by notification: who comes with the same key shares their fate. */
  readonly #underway = new Map<string, Promise<void>>();

  /** `record`: as it goes into the log. Default: Protobuf, where nobody else writes. */
  constructor(
    given: Pick<Given, "log" | "logger">,
    reservations: Reservations,
    record: RawRecord = rawRecords({ format: "protobuf", origin: undefined }),
  ) {
    this.#given = given;
    this.#reservations = reservations;
    this.#record = record;
  }

  /** One answer per candidate, in order: taken, or the Problem of that one. Rejects when the log cannot take them. */
  async take(candidates: readonly Candidate[], traceparent?: string): Promise<(Taken | Problem)[]> {
    return (await this.hand(candidates, traceparent)).answers;
  }

  /** As `take`, but resolves when they are on their way into the log: what is handed over after that comes after them. */
  async hand(candidates: readonly Candidate[], traceparent?: string): Promise<{ readonly answers: Promise<(Taken | Problem)[]> }> {
    const earlier = await this.#reserve(candidates);
    // From here to the append nothing may wait, or a second one with the same key would not find the first under way.
    const fresh = new Map<string, Reservation>();
    const appends = new Set<Promise<void>>();
    const answers = candidates.map((candidate): Taken | Problem => {
      const reservation = earlier.get(candidate) ?? candidate.reservation;
      if (reservation.hash !== candidate.reservation.hash) return new Problem("IDEMPOTENCY_KEY_REUSED");
      if (candidate.late && !earlier.has(candidate)) return candidate.late;
      const append = this.#underway.get(reservation.notificationId);
      const repeated = reservation.accepted || append !== undefined || fresh.has(reservation.notificationId);
      if (!repeated) fresh.set(reservation.notificationId, reservation);
      else if (append) appends.add(append);
      return { reservation, repeated };
    });
    if (fresh.size > 0) appends.add(this.#append([...fresh.values()], traceparent));
    return { answers: Promise.all(appends).then(() => answers) };
  }

  /**
   * The earlier reservation of each key that has one. Without a key there is nothing to compare with, so nobody waits: those rows go into
   * the writer's queue before the append does, and are there when it is.
   */
  async #reserve(candidates: readonly Candidate[]): Promise<ReadonlyMap<Candidate, Reservation>> {
    const earlier = new Map<Candidate, Reservation | undefined>();
    const keyed = candidates.filter(({ reservation, late }) => reservation.hash !== "" && !late);
    try {
      for (const candidate of candidates) {
        const { environment, notificationId } = candidate.reservation;
        if (candidate.late) earlier.set(candidate, await this.#reservations.get(environment, notificationId));
      }
      const found = keyed.length > 0 ? await this.#reservations.reserve(keyed.map(({ reservation }) => reservation)) : [];
      for (const [index, candidate] of keyed.entries()) earlier.set(candidate, found[index]);
    } catch (cause) {
      throw unavailable(cause);
    }
    this.#keep(candidates.filter(({ reservation }) => reservation.hash === ""));
    return new Map([...earlier].filter((entry): entry is [Candidate, Reservation] => entry[1] !== undefined));
  }

  #keep(unkeyed: readonly Candidate[]): void {
    if (unkeyed.length === 0) return;
    this.#reservations
      .reserve(unkeyed.map(({ reservation }) => ({ ...reservation, accepted: true })))
      .catch((error) => this.#given.logger.warn({ err: error }, "reservations not kept"));
  }

  #append(fresh: readonly Reservation[], traceparent: string | undefined): Promise<void> {
    const keyed = fresh.filter(({ hash }) => hash !== "");
    const append = this.#appendAndMark(fresh, keyed, traceparent).finally(() => {
      for (const { notificationId } of keyed) this.#underway.delete(notificationId);
    });
    for (const { notificationId } of keyed) this.#underway.set(notificationId, append);
    return append;
  }

  async #appendAndMark(fresh: readonly Reservation[], keyed: readonly Reservation[], traceparent: string | undefined): Promise<void> {
    const outputs = fresh.map(({ key, requested }) => this.#record(key, requested, traceparent));
    try {
      await this.#given.log.append(outputs);
    } catch (cause) {
      throw unavailable(cause);
    }
    await this.#mark(keyed);
    for (const { notificationId } of fresh) this.#given.logger.info({ notificationId }, "notification accepted");
  }

  /** Until it is marked, a reservation answers no read; a mark that fails costs a second append, when the key comes again. */
  async #mark(keyed: readonly Reservation[]): Promise<void> {
    const [first] = keyed;
    if (!first) return;
    try {
      await this.#reservations.markAccepted(
        first.environment,
        keyed.map((each) => each.notificationId),
      );
    } catch (error) {
      this.#given.logger.warn({ err: error }, "reservations not marked; a repeat appends again");
    }
  }
}

export const unavailable = (cause: unknown) => new Problem("LOG_UNAVAILABLE", { cause, retryAfterMs: 1_000 });
