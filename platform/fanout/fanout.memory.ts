/** Fan-out within one process. */
import type { Fanout } from "./fanout.ts";

export const memoryFanout = (): Fanout => {
  const listeners = new Map<string, Set<(message: Uint8Array) => void>>();
  return {
    publish(channel, message) {
      for (const listener of listeners.get(channel) ?? []) listener(message);
    },
    async subscribe(channel, listener) {
      const there = listeners.get(channel) ?? new Set();
      listeners.set(channel, there.add(listener));
      return {
        end() {
          there.delete(listener);
          if (there.size === 0 && listeners.get(channel) === there) listeners.delete(channel);
        },
      };
    },
  };
};
