/** Processes that stand still, come and go: zombies, rebalances, restarts. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Supervised } from "../../../deploy/local/supervised.ts";
import type { Fault } from "../fault.ts";
import type { Point } from "../inside/points.ts";
import { UNDER_WAY } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";

/** Longer than a member may be silent, a lease lasts, and a record that is met under it is put off. */
const STILL_MS = 25_000;
const PATIENCE = { timeout: 120_000, interval: 50 };

/** Beside another one, which takes over meanwhile. */
function beside(module: string, fault: Omit<Fault, "perSecond">): Fault {
  let second: Supervised | undefined;
  return {
    // One notification a call, so that a send is often alone.
    ...{ perSecond: 20, ...fault },
    steps: fault.steps.map((step) => ({
      ...step,
      async break(mesh) {
        second = await mesh.join(module);
        await step.break(mesh);
      },
      async heal(mesh) {
        await step.heal?.(mesh);
        // What woke up has to go on beside its successor first.
        await pause(5_000);
        await second?.stop();
      },
    })),
  };
}

const stallAt = (module: string, point: Point, allowed?: Fault["allowed"]): Fault =>
  beside(module, {
    name: `the event loop of ${module} stands still for 25 s ${point}, beside another`,
    ...(allowed && { allowed }),
    steps: [{ break: (mesh) => mesh.reach({ module, point, stallMs: STILL_MS }), lasts: { ms: STILL_MS } }],
  });

const stopped = (module: string, repeats: number): Fault =>
  beside(module, {
    name: `SIGSTOP of ${module} for 25 s, then SIGCONT, beside another`,
    ...(repeats > 0 && { allowed: { repeats, why: "sends that were unresolved when it stopped" } }),
    steps: [
      {
        break: (mesh) => process.kill(mesh.pidOf(module), "SIGSTOP"),
        lasts: { ms: STILL_MS },
        heal: (mesh) => process.kill(mesh.pidOf(module), "SIGCONT"),
      },
    ],
  });

const STORM_MS = 20_000;

/** Members that join and leave as fast as processes start. */
async function storm(mesh: FaultMesh): Promise<void> {
  const untilMs = performance.now() + STORM_MS;
  await Promise.all(
    ["dispatcher", "email-workers"].map(async (module) => {
      while (performance.now() < untilMs) await (await mesh.join(module)).stop();
    }),
  );
}

/** Each in its turn ends when it is told to, and the next when it is back. */
async function roll(mesh: FaultMesh): Promise<void> {
  for (const { name, pid } of mesh.processes) {
    process.kill(pid, "SIGTERM");
    const now = () => mesh.processes.find((each) => each.name === name)?.pid;
    await expect.poll(now, PATIENCE).not.toBe(pid);
  }
}

const ROLLED = [
  ...["ingest+console", "gateway", "router", "dispatcher", "email-workers", "inbox"],
  ...["scheduler", "preferences", "templates", "tracker", "deadletters", "access"],
];

export const standing: readonly Fault[] = [
  stopped("email-workers", UNDER_WAY),
  stopped("dispatcher", 0),
  stopped("router", 0),
  stallAt("email-workers", "after intent"),
  stallAt("email-workers", "after provider call", { repeats: 1, why: "the send that stalled past its lease, unresolved" }),
  stallAt("dispatcher", "after decision"),
  stallAt("router", "before append"),
  {
    name: "dispatchers and email workers join and leave for 20 s, as fast as processes start",
    perSecond: 40,
    steps: [{ break: storm }],
  },
  {
    name: "rolling restart of every process of Carillon's",
    perSecond: 40,
    steps: [{ break: roll }],
    ends: ROLLED.map((name) => `${name} ended with exit code 0; starting it again.`),
  },
];
