import { randomUUID } from "node:crypto";
import pino from "pino";
import { inject } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { kafkaAdmin } from "./kafka/admin.fixture.ts";
import { kafkaLog } from "./log.kafka.ts";
import { logSuite } from "./log.suite.ts";
import type { EventLog } from "./log.ts";

/** Groups of tests that share the engine must not meet. */
const withGroups = (log: EventLog, prefix: string): EventLog => ({
  ...log,
  join: (group, topics, member) => log.join(prefix + group, topics, member),
  lag: (group, topics) => log.lag(prefix + group, topics),
});

logSuite(
  "the log on Kafka",
  async ({ topics, clock }) => {
    const prefix = `t${randomUUID().slice(0, 8)}.`;
    const { kafka: brokers } = inject("engines");
    const admin = await kafkaAdmin(brokers, prefix);
    const open = () =>
      kafkaLog({
        brokers,
        topics,
        topicPrefix: prefix,
        // Records have the suite's time, which stands in another year; waits are real, and Kafka's own retention keeps out of it.
        clock: { nowMs: () => clock.nowMs(), sleep: systemClock.sleep },
        retentionMs: -1,
        logger: pino({ level: "silent" }),
      });
    let current = await open();
    return {
      log: withGroups(current, prefix),
      async reopen() {
        await current.close();
        current = await open();
        return withGroups(current, prefix);
      },
      forget: (beforeMs) => admin.forget(topics, beforeMs),
      async close() {
        await current.close();
        await admin.remove();
      },
    };
  },
  { silentRetention: true },
);
