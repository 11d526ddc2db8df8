/**
 * A provider that refuses for now, is out, or says nothing; and dead letters that are replayed twice at once. The one channel with a provider
 * is email, over SMTP: it knows no Retry-After, and 421 and 452 are what 503 and 429 are elsewhere.
 */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { clientsOf } from "../../world/clients.ts";
import type { Fault } from "../fault.ts";
import type { FaultMesh } from "../mesh.ts";

const BURST_MS = 4_000;
const HANGING_MS = 20_000;
const PAGE = 200;
const SOON = { timeout: 60_000, interval: 250 };

const refusing = (code: number, text: string, ms: number): Fault["steps"][number] => ({
  break: ({ sink }) => {
    sink.refuse = () => ({ code, text });
  },
  lasts: { ms },
  heal: ({ sink }) => {
    sink.refuse = () => undefined;
  },
});

const burst = (code: number, text: string): Fault => ({
  name: `the provider answers ${code} ${text} for 4 s`,
  perSecond: 40,
  steps: [refusing(code, text, BURST_MS)],
});

/** Everything that a server refused twice. What must not be sent any more is refused again, and stays. */
async function replayTwiceAtOnce({ url }: FaultMesh): Promise<void> {
  const { deadLetters } = clientsOf(url);
  const filter = { queue: "dlq-email" };
  await expect.poll(async () => (await deadLetters.listDeadLetters({ filter })).deadLetters.length, SOON).toBeGreaterThan(0);
  // Those that were refused last die within their one more try.
  await pause(10_000);
  const ids: string[] = [];
  for (let pageToken: string | undefined = ""; pageToken !== undefined; ) {
    const page = await deadLetters.listDeadLetters({ filter, pageSize: PAGE, pageToken });
    ids.push(...page.deadLetters.map(({ id }) => id));
    pageToken = page.nextPageToken || undefined;
  }
  for (let from = 0; from < ids.length; from += PAGE) {
    const some = { ids: ids.slice(from, from + PAGE) };
    await Promise.all([deadLetters.replayDeadLetters(some), deadLetters.replayDeadLetters(some)]);
  }
}

const hanging = (): Fault => {
  let answers: (() => void)[] = [];
  return {
    name: "the provider takes everything and answers nothing for 20 s",
    perSecond: 40,
    steps: [
      {
        break: ({ sink }) => {
          sink.ponder = () => new Promise<void>((resolve) => answers.push(resolve));
        },
        lasts: { ms: HANGING_MS },
        heal: ({ sink }) => {
          sink.ponder = () => undefined;
          for (const answer of answers) answer();
          answers = [];
        },
      },
    ],
  };
};

/** On a mesh that gives a message that is refused one more try (CARILLON_MAX_RETRY_COUNT=1), five seconds later. */
export const providers: readonly Fault[] = [
  burst(421, "4.3.2 Closing down"),
  burst(450, "4.2.0 Greylisted"),
  burst(452, "4.3.1 Out of storage"),
  hanging(),
  {
    name: "what the provider refused until it died is replayed twice at once",
    perSecond: 40,
    steps: [{ ...refusing(450, "4.2.0 Greylisted", 12_000), afterwards: 40 }, { break: replayTwiceAtOnce }],
  },
];
