import pino from "pino";
import { Registry } from "prom-client";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { fakeClock } from "../../../test/fakes/clock.ts";
import { Health } from "./health.ts";
import type { Fault } from "./metadata.ts";

let clock: ReturnType<typeof fakeClock>;
let faults: readonly Fault[] | undefined;
let oldestMs: number | undefined;
let logged: string[];
let metrics: Registry;
let health: Health;

const looked = () => clock.advance(5_000);

beforeEach(() => {
  clock = fakeClock();
  [faults, oldestMs, logged, metrics] = [[], undefined, [], new Registry()];
  health = new Health({
    ...{ clock, metrics, brokers: ["here:9092"], topics: new Map(Object.entries({ mail: 8, dead: 2 })) },
    logger: pino({}, { write: (line: string) => void logged.push((JSON.parse(line) as { msg: string }).msg) }),
    asking: { faults: async () => faults },
    oldestAppendMs: () => oldestMs,
  });
  onTestFinished(() => health.stop());
});

test("a process is ready while some partitions have no leader, and says which", async () => {
  faults = [
    { topic: "mail", isMissing: false, partitions: [0, 1, 2, 3, 4, 5, 6] },
    { topic: "dead", isMissing: true, partitions: [0, 1] },
  ];
  await looked();
  const rest = "what is for them waits, everything else goes on";
  const [mail, dead] = [
    `nobody leads mail/0, mail/1, mail/2, mail/3, mail/4, mail/5 and 1 more; ${rest}`,
    "there is no topic dead; what is for it waits, everything else goes on",
  ];
  expect(health.now()).toEqual({ ok: true, why: [`kafka: ${mail}`, `kafka: ${dead}`] });
  expect(await metrics.metrics()).toContain('carillon_log_partitions_without_leader{topic="mail"} 7');
  await looked();
  expect(logged).toEqual([`Kafka: ${mail}; ${dead}`]);
  faults = [];
  await looked();
  expect(health.now()).toEqual({ ok: true, why: [] });
  expect(await metrics.metrics()).not.toContain('topic="mail"');
  expect(logged.at(-1)).toBe("every partition of Kafka has a leader again");
});

test("it is not ready where nobody leads anything, where no broker answers, and while an append is late", async () => {
  faults = [
    { topic: "mail", isMissing: false, partitions: [0, 1, 2, 3, 4, 5, 6, 7] },
    { topic: "dead", isMissing: false, partitions: [0, 1] },
  ];
  await looked();
  expect(health.now().ok).toBe(false);
  faults = undefined;
  await looked();
  await vi.waitFor(() => expect(health.now()).toEqual({ ok: false, why: ["kafka: no broker answers (here:9092)"] }));
  faults = [];
  await looked();
  expect(health.now().ok).toBe(true);
  oldestMs = clock.nowMs() - 11_000;
  expect(health.now()).toEqual({ ok: false, why: ["kafka: an append has not been acknowledged for 11 s"] });
});
