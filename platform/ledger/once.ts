/**
 * Sends that may happen at most once, on a ledger that may lose its data: their intents are written where nothing is lost, before the lease
 * and the provider, and what became of them is written there before the ledger hears of it.
 *
 * The ledger's lease says who may send now; the intent says whether something may have been sent. So a lease on a send without an open intent
 * is as good as new, whatever the ledger remembers of an earlier one. An open intent on which the ledger gives a lease is of somebody who is
 * gone: nobody knows how that ended, and nobody tries again. Nor does anybody where the ledger keeps something unreadable of it: a dead letter
 * could be replayed, and a replay is a send of its own.
 *
 * Who dies between intent and lease has sent nothing, and it is given up all the same: from outside that cannot be told apart. Who was not
 * answered whether an intent was begun has sent nothing either, nor has who began one and got no further because a store was away: both take
 * it back as soon as they can, and before they begin others.
 */
import type { Clock } from "#platform/clock.ts";
import type { Intent, Ledger, Settled, Try } from "./ledger.ts";

/**
 * What an intent is of: a delivery's cycle, whatever its address. A ledger that loses everything loses what was decided too, and it may be
 * decided anew for another one.
 */
export type Sending = Pick<Try, "environment" | "deliveryId" | "cycle">;

/** A port; its suite is intents.suite.ts. One answer per item, in order. */
export interface Intents {
  /** Durable when it answers: an intent of each send that has none, which is told `send`. Of others what is known, as a ledger says it. */
  begin(tries: readonly Try[]): Promise<readonly Intent[]>;
  /** These tries have sent nothing. */
  withdraw(tries: readonly (Sending & Pick<Try, "worker">)[]): Promise<void>;
  /** As a ledger does. What is released did not happen, and has no intent any more. */
  settle(results: readonly Settled[]): Promise<readonly boolean[]>;
  /** Ends sends as unresolved whose intents are open, whoever began them; answers how each has ended. */
  giveUp(tries: readonly Try[]): Promise<readonly Intent[]>;
  /** Forgets what has ended, or was begun, before that; at most so many; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}

/** Of intents that could not be taken back yet; of more the first are given up as if their worker had died. */
const DOUBTFUL_MOST = 1_000;
/** For longer than an intent's own lease lasts. */
const AGAIN_MS = 500;
const AGAIN_MOST = 60;

const isLease = (intent: Intent | undefined): boolean => intent?.is === "send" || intent?.is === "unknown";
/** The ledger does not know how it ended, and never will. */
const isEndless = (intent: Intent | undefined): boolean => isLease(intent) || intent?.is === "malformed";
const isOnce = ({ atMostOnce = false }: Try | Settled): boolean => atMostOnce;

export function atMostOnce<L extends Ledger>(ledger: L, intents: Intents, { clock }: { readonly clock: Clock }): L {
  const withdraw = async (tries: readonly Try[]) => {
    if (tries.length > 0) await intents.withdraw(tries);
  };

  let doubtful: readonly Try[] = [];
  let takingBack: Promise<void> | undefined;
  /** One at a time: what is taken back late might have begun anew by then. */
  function takeBack(): Promise<void> {
    takingBack ??= taken().finally(() => {
      takingBack = undefined;
    });
    return takingBack;
  }
  async function taken(): Promise<void> {
    const before = new Set(doubtful);
    await withdraw([...before]);
    doubtful = doubtful.filter((each) => !before.has(each));
  }
  let isTryingAgain = false;
  /** For others, who may have the record by now and would have to give it up. Later than that it is left to the next who begins. */
  async function tryAgain(): Promise<void> {
    if (isTryingAgain) return;
    isTryingAgain = true;
    for (let times = 0; times < AGAIN_MOST && doubtful.length > 0; times++) {
      await clock.sleep(AGAIN_MS);
      await takeBack().catch(() => {});
    }
    isTryingAgain = false;
  }
  const doubt = (tries: readonly Try[]) => {
    doubtful = [...doubtful, ...tries].slice(-DOUBTFUL_MOST);
    void tryAgain();
  };
  async function begun(tries: readonly Try[]): Promise<readonly Intent[]> {
    while (doubtful.length > 0) await takeBack();
    try {
      return await intents.begin(tries);
    } catch (error) {
      doubt(tries);
      throw error;
    }
  }

  /** Of sends whose intents are open, and whose leases are these tries', or cannot be read: that entry stays as it is. */
  async function givenUp(tries: readonly Try[]): Promise<readonly Intent[]> {
    if (tries.length === 0) return [];
    const ends = await intents.giveUp(tries);
    await ledger.settle(
      ends.flatMap((end, place) => (end.is === "settled" ? [{ ...(tries[place] as Try), state: end.state, atMs: end.atMs }] : [])),
    );
    return ends.map((end) => (end.is === "settled" && end.state === "unresolved" ? { is: end.state, atMs: end.atMs } : end));
  }

  return {
    ...ledger,

    async intend(tries, options) {
      const once = tries.filter(isOnce);
      if (once.length === 0) return ledger.intend(tries, options);
      const answered = await begun(once);
      const began = new Map(once.map((asked, place) => [asked, answered[place] as Intent]));
      const fresh = once.filter((asked) => began.get(asked)?.is === "send");
      // What the intent says of others is their answer: the send has ended, or is in somebody's hands.
      const asked = tries.filter((each) => !isOnce(each) || isLease(began.get(each)));
      try {
        const plain = asked.map((each) => ({ ...each, atMostOnce: false }));
        const leases = await ledger.intend(plain, options);
        const answers = new Map(asked.map((each, place) => [each, leases[place] as Intent]));
        await withdraw(fresh.filter((each) => !isLease(answers.get(each))));
        for (const each of fresh) if (isLease(answers.get(each))) answers.set(each, { is: "send" });
        const open = once.filter((each) => began.get(each)?.is === "unknown" && isEndless(answers.get(each)));
        for (const [place, end] of (await givenUp(open)).entries()) answers.set(open[place] as Try, end);
        return tries.map((each) => answers.get(each) ?? (began.get(each) as Intent));
      } catch (error) {
        // Nobody is told that they may send, so nothing was sent; leases that were given run out without an open intent.
        await withdraw(fresh).catch(() => doubt(fresh));
        throw error;
      }
    },

    async settle(results) {
      const once = results.filter(isOnce);
      if (once.length === 0) return ledger.settle(results);
      const taken = await intents.settle(once);
      const dropped = new Set(once.filter((_, place) => !taken[place]));
      const told = results.filter((each) => !dropped.has(each));
      const answers = await ledger.settle(told);
      // Of one that may happen once, the intent is what counts.
      const isKnown = new Map(told.map((each, place) => [each, isOnce(each) || (answers[place] as boolean)]));
      return results.map((each) => isKnown.get(each) ?? false);
    },
  };
}
