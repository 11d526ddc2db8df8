/**
 * A mail provider: it takes mails, refuses them for now or for good, is not there, hangs, answers late, or takes a mail and its answer is
 * lost. What it has taken, it has taken, whatever becomes of the process that handed it over.
 */
import type { Mail, Outcome, Sender } from "../../services/delivery/sender.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export const troubles = [
  "not there",
  "refuses for now",
  "refuses",
  "hangs",
  "answers late",
  "answer lost",
  "is gone",
  "waits wanted",
] as const;
export type Trouble = (typeof troubles)[number];

export interface Temper {
  /** Of sends, how many do not end well. */
  trouble: number;
  /** By provider, how none of them ends well for a while. */
  readonly out: Map<string, readonly Trouble[]>;
}

/** A mail on its way to a provider. */
export interface Handed {
  /** What `began` answered. */
  readonly send: number;
  readonly deliveryId: string;
  readonly to: string;
  readonly by: Process;
  /** It was taken, and nobody will hear of it. */
  answerLost: boolean;
}

export interface ProviderNeeds {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly temper: Temper;
  /** A send by a provider begins; answers its number. */
  began(deliveryId: string, provider: string, by: Process): number;
  /** The provider has taken a mail. */
  took(handed: Handed): void;
  /** The process hears of a send what there is to hear. */
  answered(send: number, outcome: Outcome): void;
}

export const PROVIDERS = ["smtp", "spare"] as const;

const WIDTH = 3;
const QUICK_MS = 200;
/** Longer than a send may take to be handed over (12 s), and than an answer is waited for without more ado. */
const HANGS_MS = 20_000;
/** Within the five minutes that an answer is waited for. */
const LATE_MS = 100_000;

const refusals: { readonly [trouble in Trouble]?: Outcome } = {
  "refuses for now": { is: "retry", code: "451", detail: "later" },
  "waits wanted": { is: "outage", code: "421", detail: "in a while", afterMs: 30_000 },
  refuses: { is: "rejected", code: "550", detail: "no" },
};
const GONE: Outcome = { is: "outage", code: "gone", detail: "no connection" };
const UNKNOWN: Outcome = { is: "unknown", code: "no_answer", detail: "no answer" };

export const senderOf = (by: Process, id: string, { timeline, random, temper, began, took, answered }: ProviderNeeds): Sender => ({
  id,
  width: WIDTH,
  send: (mail, signal, handedOver) =>
    new Promise((resolve) => {
      const deliveryId = deliveryOf(mail);
      const send = began(deliveryId, id, by);
      const all = temper.out.get(id) ?? (random.chance(temper.trouble) ? troubles : []);
      const trouble = all.length > 0 ? random.pick(all) : undefined;
      let isHanded = false;
      let isAnswered = false;
      const answer = (outcome: Outcome) => {
        signal.removeEventListener("abort", givenUp);
        if (isAnswered) return;
        isAnswered = true;
        answered(send, outcome);
        resolve(outcome);
      };
      const givenUp = () => answer(isHanded ? UNKNOWN : GONE);
      signal.addEventListener("abort", givenUp, { once: true });

      const handOver = () => {
        if (signal.aborted) return;
        if (trouble === "not there") return answer(GONE);
        const handed: Handed = { send, deliveryId, to: mail.to, by, answerLost: trouble === "answer lost" || trouble === "is gone" };
        isHanded = true;
        handedOver();
        timeline.after(random.between(0, QUICK_MS), `${id} has ${deliveryId}, ${trouble ?? "takes it"}`, () => {
          const refusal = trouble && refusals[trouble];
          if (!refusal) took(handed);
          if (trouble === "answer lost") return;
          const inMs = trouble === "answers late" ? random.between(QUICK_MS, LATE_MS) : random.between(0, QUICK_MS);
          const accepted: Outcome = { is: "accepted", providerMessageId: deliveryId, detail: "ok" };
          by.after(inMs, `${id} answered`, () => answer(refusal ?? (trouble === "is gone" ? UNKNOWN : accepted)));
        });
      };
      by.after(trouble === "hangs" ? random.between(QUICK_MS, HANGS_MS) : random.between(0, QUICK_MS), "handed over", handOver);
    }),
  close: async () => undefined,
});

const deliveryOf = ({ headers }: Mail): string => headers["X-Carillon-Delivery"] as string;
