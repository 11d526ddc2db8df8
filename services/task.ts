/** Runs a task until its signal aborts: what it throws is logged, and it starts again after a pause. */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";

export async function runTask(task: Task, { clock, logger }: { clock: Clock; logger: Logger }, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 100; !signal.aborted; pauseMs = Math.min(pauseMs * 2, 10_000)) {
    const startedMs = clock.nowMs();
    try {
      await task.run(signal);
      return;
    } catch (error) {
      logger.error({ err: error, task: task.name }, "task failed, starting it again");
    }
    if (clock.nowMs() - startedMs > 60_000) pauseMs = 100;
    await clock.sleep(pauseMs, signal);
  }
}
