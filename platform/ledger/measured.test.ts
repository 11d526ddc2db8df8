import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryLedger } from "./ledger.memory.ts";
import { onceSuite } from "./ledger.once.suite.ts";
import { ledgerSuite } from "./ledger.suite.ts";
import { measuredLedger } from "./measured.ts";

const open = async () => {
  const clock = fakeClock();
  return { clock, ledger: measuredLedger(memoryLedger({ clock }), new Registry()) };
};

ledgerSuite("measured", open);
onceSuite("measured", open);

describe("a measured ledger", () => {
  it("counts what was answered, and times each call, failed ones too", async () => {
    const metrics = new Registry();
    const inner = memoryLedger({ clock: fakeClock() });
    const settle = () => Promise.reject(new Error("the disk is full"));
    const ledger = measuredLedger({ ...inner, settle }, metrics);
    const draft = { environment: "development", notificationId: "n", recipient: "ann", decision: new Uint8Array([1]) };
    await ledger.decideOnce([draft, { ...draft, recipient: "bo" }]);
    await ledger.decideOnce([draft]);
    const send = { environment: "development", notificationId: "n", deliveryId: "d", cycle: 1, target: "t", worker: "w" };
    await ledger.intend([{ ...send, reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: 17_000 }]);
    const extension = { ...send, reaches: [], acceptedAtMs: 1_000, leaseMs: 17_000 };
    await ledger.extend([extension, { ...extension, worker: "w-2" }]);
    await measuredLedger(inner, metrics).settle([
      { ...send, state: "sent", atMs: 0 },
      { ...send, worker: "w-2", state: "failed", atMs: 0 },
    ]);
    await expect(ledger.settle([{ ...send, state: "sent", atMs: 0 }])).rejects.toThrow("the disk is full");
    const page = await metrics.metrics();
    expect(page).toContain('carillon_ledger_answers_total{call="decide",answer="first"} 2');
    expect(page).toContain('carillon_ledger_answers_total{call="decide",answer="earlier"} 1');
    expect(page).toContain('carillon_ledger_answers_total{call="intend",answer="send"} 1');
    expect(page).toContain('carillon_ledger_answers_total{call="extend",answer="held"} 1');
    expect(page).toContain('carillon_ledger_answers_total{call="extend",answer="lost"} 1');
    expect(page).toContain('carillon_ledger_answers_total{call="settle",answer="taken"} 1');
    expect(page).toContain('carillon_ledger_answers_total{call="settle",answer="late"} 1');
    expect(page).toContain('carillon_ledger_seconds_count{call="settle"} 2');
  });
});
