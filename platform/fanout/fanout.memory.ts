/** Fan-out within one process, where nothing is ever missed. */
import type { Fanout } from "./fanout.ts";

export const memoryFanout = (): Fanout => {
  const listeners = new Map<string, Set<{ readonly hear: (message: Uint8Array) => void }>>();
  return {
    publish(channel, message) {
      for (const { hear } of listeners.get(channel) ?? []) hear(message);
    },
    async subscribe(channel, hear) {
      const there = listeners.get(channel) ?? new Set();
      const one = { hear };
      listeners.set(channel, there.add(one));
      return {
        end() {
          there.delete(one);
          if (there.size === 0 && listeners.get(channel) === there) listeners.delete(channel);
        },
      };
    },
  };
};
