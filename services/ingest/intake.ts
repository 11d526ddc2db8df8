/**
 * The intake: reserves, appends durably, marks accepted. The one way in, for Send, SendBatch and the REST facades.
 *
 * Killed before the append: nothing was acknowledged, and a repeat with the key appends. Killed after it: the record is in the log, and a
 * repeat appends a second one with the same id, which everything behind collapses.
 */
import { Problem } from "#domain/errors.ts";
import { raw } from "#domain/topics.ts";
import type { Given } from "#platform/host.ts";
import type { Reservation, Reservations } from "./reservations.ts";

export interface Taken {
  readonly reservation: Reservation;
  readonly repeated: boolean;
}

const headers = { "content-type": "application/protobuf" };

export class Intake {
  readonly #given: Pick<Given, "log" | "logger">;
  readonly #reservations: Reservations;

  constructor(given: Pick<Given, "log" | "logger">, reservations: Reservations) {
    this.#given = given;
    this.#reservations = reservations;
  }

  /** One answer per item, in order: taken, or the Problem of that item. Rejects when the log cannot take them. */
  async take(items: readonly Reservation[], traceparent?: string): Promise<(Taken | Problem)[]> {
    const earlier = await this.#reserve(items);
    const answers = items.map((item, index): Taken | Problem => {
      const first = earlier[index];
      if (!first) return { reservation: item, repeated: false };
      return first.hash === item.hash ? { reservation: first, repeated: true } : new Problem("IDEMPOTENCY_KEY_REUSED");
    });
    const fresh = answers.flatMap((answer) => (answer instanceof Problem || answer.reservation.accepted ? [] : [answer.reservation]));
    await this.#append(fresh, traceparent);
    return answers;
  }

  /**
   * Without a key there is nothing to compare with, so nobody waits: the rows go into the writer's queue before the append does,
   * and are there when it is.
   */
  async #reserve(items: readonly Reservation[]): Promise<readonly (Reservation | undefined)[]> {
    try {
      if (items.some((item) => item.hash !== "")) return await this.#reservations.reserve(items);
    } catch (cause) {
      throw unavailable(cause);
    }
    this.#reservations
      .reserve(items.map((item) => ({ ...item, accepted: true })))
      .catch((error) => this.#given.logger.warn({ err: error }, "reservations not kept"));
    return [];
  }

  async #append(fresh: readonly Reservation[], traceparent: string | undefined): Promise<void> {
    if (fresh.length === 0) return;
    const outputs = fresh.map((each) => ({
      topic: raw,
      key: each.key,
      value: each.requested,
      headers: traceparent ? { ...headers, traceparent } : headers,
    }));
    try {
      await this.#given.log.append(outputs);
    } catch (cause) {
      throw unavailable(cause);
    }
    await this.#mark(fresh.filter((each) => each.hash !== ""));
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

const unavailable = (cause: unknown) => new Problem("LOG_UNAVAILABLE", { cause, retryAfterMs: 1_000 });
