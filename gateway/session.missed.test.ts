import { expect, it } from "vitest";
import { HeldInbox } from "./inbox.fixture.ts";
import { Line } from "./session.fixture.ts";

it("a session reads when the fan-out may have lost messages, also while a read is under way that began before", async () => {
  const inbox = new HeldInbox();
  inbox.put();
  const line = new Line(inbox);
  await line.hello();
  inbox.put();
  await line.miss();
  expect(line.story).toEqual(["welcome", 1, 2]);
  line.isHolding = true;
  inbox.put();
  await line.miss();
  inbox.put();
  await line.miss();
  line.isHolding = false;
  await line.release();
  expect(line.story).toEqual(["welcome", 1, 2, 3, 4]);
});
