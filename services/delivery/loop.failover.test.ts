import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { DeliveryStatus, type Hop } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import type { Integration } from "./integration.ts";
import type { Outcome, Sender } from "./sender.ts";

const { SENT, FAILED, DEAD, DEFERRED, EXPIRED } = DeliveryStatus;
const { here, run, integration, put, deliveryOf, events, statuses, until, scheduled, letters, pass } = deliveries();

const outage: Outcome = { is: "outage", code: "ECONNREFUSED", detail: "No connection." };
const unknown: Outcome = { is: "unknown", code: "ECONNECTION", detail: "The connection has ended." };
const refusal: Outcome = { is: "rejected", code: "550", detail: "550 No such user" };
const taken: Outcome = { is: "accepted", providerMessageId: "m", detail: "250 Taken" };

/** Answers as the test says, by name. */
function account(id: string, first: Outcome): Sender & { answer: Outcome | (() => Promise<Outcome>); readonly asked: string[] } {
  const asked: string[] = [];
  return {
    ...{ id, width: 5, asked, answer: first },
    async send({ to }) {
      asked.push(to.split("@")[0] as string);
      return typeof this.answer === "function" ? this.answer() : this.answer;
    },
    close: async () => undefined,
  };
}

/** Two accounts, the first one preferred. */
function two(first: Outcome, second: Outcome = taken) {
  const senders = [account("primary", first), account("spare", second)] as const;
  const route: [Integration, Integration] = [integration(senders[0]), integration(senders[1])];
  return { primary: senders[0], spare: senders[1], route };
}
const providers = async (id: string) => (await events(id)).map(({ status, provider }) => [status, provider]);
const trip = async (...ids: string[]) => {
  await put(...ids.map((id) => deliveryOf(id)));
  await Promise.all(ids.map((id) => until(id, DEFERRED)));
};

describe("with a second integration", () => {
  it("a mail that the first did not take goes by the second at once, and its event says by which", async () => {
    const { primary, spare, route } = two(outage);
    await run({ route });
    await put(deliveryOf("a"));
    await until("a", SENT);
    expect(await providers("a")).toEqual([[SENT, "spare"]]);
    expect((await events("a"))[0]).toMatchObject({ attempt: 1, wait: 0, detail: "250 Taken" });
    expect([primary.asked, spare.asked]).toEqual([["a"], ["a"]]);
    expect(await scheduled()).toEqual([]);
    expect(await here.at.metric("carillon_failovers_total")).toEqual({ "email primary spare": 1 });
  });

  it("a refusal of the message is the end, whoever refused it", async () => {
    const { spare, route } = two(refusal);
    await run({ route });
    await put(deliveryOf("a"));
    await until("a", FAILED);
    expect(spare.asked).toEqual([]);
  });

  it("what may have been sent is not sent by the other before the lease has run out, and then says that it is a repeat", async () => {
    const { primary, spare, route } = two(unknown);
    await run({ route });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "outcome_unknown", 1]]);
    primary.answer = outage;
    await pass(16_999);
    expect([primary.asked, spare.asked]).toEqual([["a"], []]);
    await pass(1);
    await until("a", SENT);
    expect((await events("a")).at(-1)).toMatchObject({ reason: "send_unresolved", provider: "spare", attempt: 2 });
    expect(spare.asked).toEqual(["a"]);
  });

  it("when both are out a delivery waits without using up an attempt", async () => {
    const { spare, route } = two(outage, outage);
    await run({ route });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    expect(await statuses("a")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    spare.answer = taken;
    await pass(5_000);
    await until("a", SENT);
  });

  it("its dead letter tells what each of them said, in the order asked", async () => {
    const { spare, route } = two(outage, { is: "retry", code: "451", detail: "451 Later" });
    await run({ route, maxRetryCount: 1 });
    await put(deliveryOf("a"));
    await until("a", DEFERRED);
    await pass(5_000);
    await until("a", DEAD);
    expect(spare.asked).toHaveLength(2);
    const [letter] = await letters();
    const before = fromBinary(DeliverySchema, letter?.value as Uint8Array).way?.hops ?? [];
    const told = (hops: readonly Hop[] = []) => hops.map(({ attempt, provider, detail, reason }) => [attempt, provider, detail, reason]);
    expect(told(before)).toEqual([
      [0, "primary", "No connection.", "provider_unavailable"],
      [1, "spare", "451 Later", "temporarily_refused"],
    ]);
    expect(told(letter?.way?.hops)).toEqual([
      [0, "primary", "No connection.", "provider_unavailable"],
      [2, "spare", "451 Later", "attempts_exhausted"],
    ]);
  });

  it("one whose breaker is open is not asked at all", async () => {
    const { primary, spare, route } = two(outage);
    await run({ route });
    for (const id of ["a", "b", "c", "d", "e"]) {
      await put(deliveryOf(id));
      await until(id, SENT);
    }
    await vi.waitFor(() => expect(here.changes).toEqual(["primary opened"]));
    await put(deliveryOf("f"));
    await until("f", SENT);
    expect(primary.asked).toHaveLength(5);
    expect(spare.asked).toHaveLength(6);
  });

  it("a probe that fails costs the delivery nothing: it goes by the second", async () => {
    const { primary, route } = two(outage);
    await run({ route });
    for (const id of ["a", "b", "c", "d", "e"]) {
      await put(deliveryOf(id));
      await until(id, SENT);
    }
    await here.at.clock.advance(60_000);
    await put(deliveryOf("f"), deliveryOf("g"));
    await Promise.all(["f", "g"].map((id) => until(id, SENT)));
    expect(primary.asked).toHaveLength(6);
    expect(await scheduled()).toEqual([]);
    expect(here.changes).toEqual(["primary opened"]);
  });

  it("an open breaker closes after three probes, one at a time, and is told of once", async () => {
    const { primary, spare, route } = two(outage);
    await run({ route });
    for (const id of ["a", "b", "c", "d", "e"]) {
      await put(deliveryOf(id));
      await until(id, SENT);
    }
    await here.at.clock.advance(60_000);
    const answers: (() => void)[] = [];
    primary.answer = () => new Promise((resolve) => answers.push(() => resolve(taken)));
    for (let probe = 1; probe <= 3; probe++) {
      const ids = [0, 1, 2].map((each) => `p${probe}${each}`);
      await put(...ids.map((id) => deliveryOf(id)));
      // The two others do not wait for the one that probes.
      await vi.waitFor(() => expect(spare.asked).toHaveLength(5 + 2 * probe));
      expect(primary.asked).toHaveLength(5 + probe);
      answers[probe - 1]?.();
      await Promise.all(ids.map((id) => until(id, SENT)));
    }
    await vi.waitFor(() => expect(here.changes).toEqual(["primary opened", "primary closed"]));
    primary.answer = taken;
    await put(deliveryOf("z"));
    await until("z", SENT);
    expect(await providers("z")).toEqual([[SENT, "primary"]]);
  });
});

describe("an integration that is out", () => {
  it("is not asked while its breaker is open: deliveries wait, and the ledger is not asked either", async () => {
    const primary = account("smtp", outage);
    const intend = vi.fn(here.ledger.intend);
    await run({ route: [integration(primary)], ledger: { ...here.ledger, intend } });
    await trip("a", "b", "c", "d", "e");
    await vi.waitFor(() => expect(here.changes).toEqual(["smtp opened"]));
    intend.mockClear();
    await put(deliveryOf("f"));
    await until("f", DEFERRED);
    expect(await statuses("f")).toEqual([[DEFERRED, "provider_unavailable", 0]]);
    expect(await providers("f")).toEqual([[DEFERRED, ""]]);
    expect(intend).not.toHaveBeenCalled();
    expect(primary.asked).toHaveLength(5);
  });

  it("is probed after a minute, and everything that waited goes out once it serves again", async () => {
    const primary = account("smtp", outage);
    const ids = ["a", "b", "c", "d", "e", "f", "g"];
    await run({ route: [integration(primary)] });
    await trip(...ids);
    primary.answer = taken;
    for (let second = 0; second < 180; second += 5) await pass(5_000);
    await Promise.all(ids.map((id) => until(id, SENT)));
    expect(here.changes).toEqual(["smtp opened", "smtp closed"]);
    for (const id of ids) expect((await events(id)).at(-1)).toMatchObject({ attempt: 1 });
    expect(new Set(primary.asked.slice(5)).size).toBe(primary.asked.length - 5);
  });

  it("lets a delivery that would wait past its expiry end as expired", async () => {
    const primary = account("smtp", outage);
    await run({ route: [integration(primary)] });
    await trip("a", "b", "c", "d", "e");
    await put(deliveryOf("f", { expiresAtMs: BigInt(here.at.clock.nowMs() + 3_000) }));
    await until("f", EXPIRED);
    expect(await here.ledger.statesOf({ environment: "development", notificationId: "n-f", deliveryIds: ["f"] })).toEqual([["expired"]]);
  });

  it("turns those away that waited to be let in when its breaker opens", async () => {
    const answers: (() => void)[] = [];
    const primary = account("smtp", outage);
    primary.answer = () => new Promise((resolve) => answers.push(() => resolve(outage)));
    await run({ route: [integration(primary)] });
    const ids = Array.from({ length: 20 }, (_, at) => `d${at}`);
    await put(...ids.map((id) => deliveryOf(id)));
    await vi.waitFor(() => expect(answers).toHaveLength(5));
    for (const answer of answers) answer();
    await Promise.all(ids.map((id) => until(id, DEFERRED)));
    expect(primary.asked).toHaveLength(5);
  });

  it("that refuses messages serves, and so does one that was called off here", async () => {
    const primary = account("smtp", { is: "retry", code: "451", detail: "451 4.7.1 Greylisted" });
    await run({ route: [integration(primary)] });
    await trip("a", "b", "c", "d", "e", "f");
    expect(primary.asked).toHaveLength(6);
    expect(here.changes).toEqual([]);
  });

  it("that is silent after every message is out as well", async () => {
    const primary = account("smtp", unknown);
    await run({ route: [integration(primary)] });
    await trip("a", "b", "c", "d", "e");
    await vi.waitFor(() => expect(here.changes).toEqual(["smtp opened"]));
  });
});
