import { describe, expect, it, vi } from "vitest";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";

const { SENT, EXPIRED, DEFERRED } = DeliveryStatus;
const { here, run, put, deliveryOf, events, statuses, until, pass } = deliveries();

/** The clock stands at 22:13:20 UTC. */
const from = (start: string) => ({ quietHours: { start, end: "07:00" }, timeZone: "UTC" });
const endMs = Date.parse("2023-11-15T07:00:00Z");
const morning = () => pass(endMs - here.at.clock.nowMs());

describe("within the person's quiet hours", () => {
  it("a retry waits until they end, and keeps the attempts that it had left", async () => {
    here.server.message = () => ({ code: 451, text: "4.7.1 Greylisted" });
    await run();
    await put(deliveryOf("a", from("22:14")));
    await until("a", DEFERRED);
    await pass(5_000);
    await until("a", DEFERRED, 2);
    here.server.message = () => undefined;
    await pass(60_000);
    await until("a", DEFERRED, 3);
    expect(here.server.received).toBe(2);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "quiet_hours", attempt: 0, dueAtMs: BigInt(endMs) });
    await morning();
    await until("a", SENT);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "accepted_by_provider", attempt: 3 });
  });

  it("what waited for an outage to end goes on waiting", async () => {
    here.server.greet = () => ({ code: 421 });
    await run();
    await put(deliveryOf("a", from("22:14")));
    await until("a", DEFERRED);
    await pass(40_000);
    await until("a", DEFERRED, 2);
    here.server.greet = () => undefined;
    await pass(0);
    expect((await statuses("a")).at(-1)).toEqual([DEFERRED, "quiet_hours", 0]);
    await morning();
    await until("a", SENT);
    expect(here.server.received).toBe(1);
  });

  it("a first try that its lane was late with waits too; others go out", async () => {
    await run();
    await put(deliveryOf("a", from("22:00")), deliveryOf("b", { ...from("22:00"), timeZone: "Asia/Tokyo" }));
    await Promise.all([until("a", DEFERRED), until("b", SENT)]);
    expect(here.server.received).toBe(1);
    await morning();
    await until("a", SENT);
    expect(await statuses("a")).toEqual([
      [DEFERRED, "quiet_hours", 0],
      [SENT, "accepted_by_provider", 1],
    ]);
  });

  it("one whose turn comes only when they have begun waits as well", async () => {
    await here.at.clock.advance(30_000);
    const stuck = ["s0", "s1", "s2", "s3", "s4"];
    const asked: string[] = [];
    here.server.recipient = (address) => {
      asked.push(address);
      return "hang";
    };
    let leased = 0;
    const intend: typeof here.ledger.intend = async (tries) => {
      const intents = await here.ledger.intend(tries);
      leased += intents.length;
      return intents;
    };
    await run({ ledger: { ...here.ledger, intend } });
    await put(...stuck.map((id) => deliveryOf(id)));
    await vi.waitFor(() => expect(asked).toHaveLength(5));
    await put(deliveryOf("a", from("22:14")));
    await vi.waitFor(() => expect(leased).toBe(6));
    await here.at.clock.advance(12_000);
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "quiet_hours", 0]]);
    expect(asked).toHaveLength(5);
  });

  it("what expires before they end is over", async () => {
    await run();
    await put(deliveryOf("a", { ...from("22:00"), expiresAtMs: BigInt(endMs) }));
    await until("a", EXPIRED);
    expect(await statuses("a")).toEqual([[EXPIRED, "expires_in_quiet_hours", 0]]);
    expect(here.server.received).toBe(0);
  });

  it("a send whose worker died is still unresolved when it goes out", async () => {
    const send = { environment: "development", notificationId: "n-a", deliveryId: "a", cycle: 1, target: "a@example.test" };
    await here.ledger.intend([{ ...send, reaches: [], acceptedAtMs: 0, attempt: 0, wait: 0, worker: "dead", leaseMs: 17_000 }]);
    await here.at.clock.advance(17_000);
    await run();
    await put(deliveryOf("a", from("22:00")));
    await until("a", DEFERRED);
    expect(here.server.received).toBe(0);
    await morning();
    await until("a", SENT);
    expect((await events("a")).map(({ reason }) => reason)).toEqual(["quiet_hours", "send_unresolved"]);
  });
});
