import { pino } from "pino";
import { expect, it } from "vitest";
import { outageWatch } from "./outage.ts";
import type { Outcome } from "./sender.ts";

const outage: Outcome = { is: "outage", code: "ECONNREFUSED", detail: "" };
const accepted: Outcome = { is: "accepted", providerMessageId: "1", detail: "" };
const unknown: Outcome = { is: "unknown", code: "EABORT", detail: "" };

function watched() {
  const lines: { msg: string }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { watch: outageWatch({ logger, provider: "smtp" }), told: () => lines.map(({ msg }) => msg.split(":")[0]) };
}

it("what began before an outage, or was never answered, does not end it", () => {
  const { watch, told } = watched();
  watch.met(outage, 1_000, 2_000);
  watch.met(accepted, 1_500, 3_000);
  watch.met(unknown, 2_500, 3_000);
  expect(told()).toEqual(["provider out"]);
  watch.met(accepted, 2_500, 3_500);
  expect(told()).toEqual(["provider out", "provider back"]);
});

it("a provider that stumbles again and again is told of once a minute at most", () => {
  const { watch, told } = watched();
  for (let nowMs = 0; nowMs < 120_000; nowMs += 100) watch.met(nowMs % 200 === 0 ? outage : accepted, nowMs, nowMs);
  expect(told()).toEqual(["provider out", "provider back", "provider out", "provider back"]);
});
