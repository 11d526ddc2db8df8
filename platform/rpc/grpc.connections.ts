/**
 * The connections of the gRPC port. Whoever does not answer a ping is cut; whoever has called nothing for minutes is told to go away, which
 * a client's library takes for what it is and connects again when there is something to call. When all places are taken, the one that has
 * been idle for longest makes room, so that nobody holds the port by holding connections.
 */
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Clock } from "#platform/clock.ts";

/** Callers are services that keep one connection or a few. */
export const MOST_CONNECTIONS = 1_024;
const MOST_IDLE_MS = 5 * 60_000;
/** A peer that does not answer a ping is gone, though its connection may look open for hours. */
const PING_EVERY_MS = 30_000;
const PING_ANSWERED_MS = 20_000;

interface Known {
  /** Calls under way. */
  calls: number;
  idleSinceMs: number;
}

export interface GrpcConnections {
  opened(session: ServerHttp2Session): void;
  /** A call began on one. */
  called(stream: ServerHttp2Stream): void;
  all(): Iterable<ServerHttp2Session>;
}

export function grpcConnections(clock: Clock): GrpcConnections {
  const known = new Map<ServerHttp2Session, Known>();

  async function keep(session: ServerHttp2Session, its: Known, closed: AbortSignal): Promise<void> {
    let answered = new AbortController();
    closed.addEventListener("abort", () => answered.abort());
    for (;;) {
      await clock.sleep(PING_EVERY_MS, closed);
      if (closed.aborted) return;
      if (its.calls === 0 && clock.nowMs() - its.idleSinceMs >= MOST_IDLE_MS) return session.close();
      answered = new AbortController();
      session.ping(() => answered.abort());
      await clock.sleep(PING_ANSWERED_MS, answered.signal);
      if (!answered.signal.aborted) session.destroy(undefined, constants.NGHTTP2_CANCEL);
    }
  }

  /** Where all others have calls it is the new one itself. */
  function longestIdle(): ServerHttp2Session | undefined {
    let found: [ServerHttp2Session, Known] | undefined;
    for (const each of known) if (each[1].calls === 0 && !(found && found[1].idleSinceMs <= each[1].idleSinceMs)) found = each;
    return found?.[0];
  }

  return {
    opened(session) {
      const closed = new AbortController();
      const its: Known = { calls: 0, idleSinceMs: clock.nowMs() };
      known.set(session, its);
      session.once("close", () => {
        known.delete(session);
        closed.abort();
      });
      void keep(session, its, closed.signal);
      if (known.size > MOST_CONNECTIONS) longestIdle()?.close();
    },
    called(stream) {
      const its = stream.session && known.get(stream.session as ServerHttp2Session);
      if (!its) return;
      its.calls++;
      stream.once("close", () => {
        its.calls--;
        its.idleSinceMs = clock.nowMs();
      });
    },
    all: () => known.keys(),
  };
}
