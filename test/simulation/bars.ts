/**
 * Whom and what nothing may be sent to or of any more, by what was acknowledged to people: a cancel, a suppression, an erasure.
 *
 * Kept outside of everything that is simulated, so that it holds whatever the ledger loses. A suppression counts from its acknowledgement
 * until somebody asks for its end; where both are on their way at once nobody can say, and it does not count.
 */

import type { Try } from "#platform/ledger/ledger.ts";
import { personReached } from "#platform/ledger/reach.ts";

export interface Erased {
  readonly userId: string;
  readonly atMs: number;
}

export class Bars {
  readonly erased: Erased[] = [];
  readonly #canceled = new Set<string>();
  /** By whom, those that were not lifted since. */
  readonly #suppressed = new Set<string>();
  /** By whom, what asked for an end of it, and of those which are not acknowledged. */
  readonly #lifts = new Map<string, Set<object>>();
  readonly #underWay = new Set<object>();

  cancel(notificationId: string): void {
    this.#canceled.add(notificationId);
  }

  get canceled(): readonly string[] {
    return [...this.#canceled];
  }

  get suppressed(): readonly string[] {
    return [...this.#suppressed];
  }

  /** Asked for now; what is answered is to be called when it is acknowledged. */
  suppressing(whom: string): () => void {
    const before = this.#liftsOf(whom).size;
    const isLifted = [...this.#liftsOf(whom)].some((by) => this.#underWay.has(by));
    return () => {
      if (!isLifted && this.#liftsOf(whom).size === before) this.#suppressed.add(whom);
    };
  }

  /** Asked for now, once or again, by an act; what is answered is to be called when that is acknowledged. */
  lifting(whom: string, by: object): () => void {
    this.#liftsOf(whom).add(by);
    this.#underWay.add(by);
    this.#suppressed.delete(whom);
    return () => this.#underWay.delete(by);
  }

  /** Who is erased comes off the suppression list. */
  erasing(userId: string, by: object): (atMs: number) => void {
    const lifted = this.lifting(personReached(userId), by);
    return (atMs) => {
      lifted();
      this.erased.push({ userId, atMs });
    };
  }

  #liftsOf(whom: string): Set<object> {
    const lifts = this.#lifts.get(whom) ?? new Set<object>();
    this.#lifts.set(whom, lifts);
    return lifts;
  }

  isErased(userId: string, acceptedAtMs: number): boolean {
    return this.erased.some((each) => each.userId === userId && acceptedAtMs <= each.atMs);
  }

  /** Why nothing of it may start now; undefined: it may. */
  of({
    notificationId,
    reaches,
    acceptedAtMs,
  }: Pick<Try, "notificationId" | "reaches" | "acceptedAtMs">): "cancel" | "suppression" | "erasure" | undefined {
    if (this.#canceled.has(notificationId)) return "cancel";
    if (reaches.some((whom) => this.#suppressed.has(whom))) return "suppression";
    const isErased = ({ userId, atMs }: Erased) => acceptedAtMs <= atMs && reaches.includes(personReached(userId));
    return this.erased.some(isErased) ? "erasure" : undefined;
  }
}
