import { expect, it } from "vitest";
import { memorySchedule } from "./store.memory.ts";
import { scheduleStoreSuite } from "./store.suite.ts";

scheduleStoreSuite("memorySchedule", async () => memorySchedule()("one"));

it("what one scheduler is answered, another is answered only when half a minute has passed", async () => {
  const schedule = memorySchedule();
  const [one, other] = [schedule("one"), schedule("other")];
  await one.put([{ id: "a", dueAtMs: 5, topic: "email-notifications", key: "development/ann", value: new Uint8Array(), trace: "" }]);
  expect(await one.due(5, 10)).toHaveLength(1);
  expect(await other.due(30_004, 10)).toHaveLength(0);
  expect(await one.due(30_004, 10)).toHaveLength(1);
  expect(await other.due(60_004, 10)).toHaveLength(1);
});
