/** An event log with faults: what the log does when it is asked to settle, append or pause can be watched and spoilt. */
import type { EventLog, Membership, Output, Position } from "#platform/log/log.ts";

export interface Faults {
  /** Called before (and, for "reply lost", instead of passing on the answer of) each settle. */
  settle?(outputs: readonly Output[], positions: readonly Position[]): Promise<"pass" | "reply lost"> | "pass" | "reply lost";
  append?(outputs: readonly Output[]): Promise<void> | void;
  /** How many records were delivered and how often a lane was paused and resumed. */
  readonly seen: { delivered: number; paused: number; resumed: number };
}

export const faults = (spoilt: Omit<Faults, "seen"> = {}): Faults => ({ ...spoilt, seen: { delivered: 0, paused: 0, resumed: 0 } });

export const faultyLog = (log: EventLog, faulty: Faults): EventLog => ({
  ...log,
  async append(outputs) {
    await faulty.append?.(outputs);
    await log.append(outputs);
  },
  async join(group, topics, member): Promise<Membership> {
    const { seen } = faulty;
    const membership = await log.join(group, topics, {
      assigned: (assignments) => member.assigned(assignments),
      revoked: (assignments) => member.revoked(assignments),
      deliver: (assignment, records) => {
        seen.delivered += records.length;
        member.deliver(assignment, records);
      },
    });
    return {
      async settle(outputs, positions) {
        const then = (await faulty.settle?.(outputs, positions)) ?? "pass";
        await membership.settle(outputs, positions);
        if (then === "reply lost") throw new Error("the log did it, but its reply was lost");
      },
      pause(assignment) {
        seen.paused++;
        membership.pause(assignment);
      },
      resume(assignment) {
        seen.resumed++;
        membership.resume(assignment);
      },
      leave: () => membership.leave(),
    };
  },
});
