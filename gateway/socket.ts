/**
 * Binds the platform's WebSockets to sessions: caps, heartbeats, the 5 s for hello, the end of the token, and the goodbye to everybody when
 * the process drains.
 */
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import type { Subscription } from "#platform/fanout/fanout.ts";
import type { Given } from "#platform/host.ts";
import type { Socket, SocketConnection } from "#platform/rpc/route.ts";
import { closing } from "./closing.ts";
import { Presence } from "./presence.ts";
import { Session } from "./session.ts";
import { type Identity, verifyToken } from "./token.ts";

const HELLO_MS = 5_000;
/** Reconnections of a drained process come back spread over this time. */
const SPREAD_MS = 5_000;

export interface GatewaySettings {
  readonly secret: () => Uint8Array;
  readonly heartbeatMs: number;
  readonly perUser: number;
  readonly perAddress: number;
  /** Of other sites, whose pages may open it too. */
  readonly origins: readonly string[];
}

const personOf = ({ environment, userId }: Identity) => `${environment}/${userId}`;

export function gatewaySocket(given: Pick<Given, "clock" | "fanout" | "client" | "logger">, settings: GatewaySettings) {
  const presence = new Presence(settings);
  const sessions = new Set<Session>();
  const { clock } = given;

  const socket: Socket = {
    path: "/ws",
    origins: settings.origins,
    maxFrameBytes: 16 * 1024,
    maxBufferedBytes: 1024 * 1024,
    open(connection) {
      if (!presence.arrive(connection.remoteAddress)) return undefined;
      const ended = new AbortController();
      let subscription: Subscription | undefined;
      const session = new Session({
        ...speak(connection),
        verify: (token) => verifyToken(settings.secret(), token, clock.nowMs()),
        signIn(identity) {
          if (!presence.signIn(personOf(identity))) return false;
          void awaitExpiry(session, identity, ended.signal);
          return true;
        },
        async subscribe(identity, listener, missed) {
          subscription = await given.fanout.subscribe(personOf(identity), listener, missed);
          if (ended.signal.aborted) subscription.end();
        },
        list: (identity, after) => given.client(InboxService, identity.environment).listMessages({ userId: identity.userId, ...after }),
        report: (error) => given.logger.error({ err: error }, "session failed"),
        heartbeatMs: settings.heartbeatMs,
        nowMs: () => clock.nowMs(),
      });
      sessions.add(session);
      void awaitHello(session, ended.signal);
      void beat(session, ended.signal);
      return {
        message: (text) => void session.receive(text),
        drained: () => session.drained(),
        closed() {
          const identity = session.closed();
          if (identity) presence.signOut(personOf(identity));
          presence.leave(connection.remoteAddress);
          subscription?.end();
          ended.abort();
          sessions.delete(session);
        },
      };
    },
  };

  async function awaitHello(session: Session, signal: AbortSignal): Promise<void> {
    await clock.sleep(HELLO_MS, signal);
    session.helloDue();
  }

  /** Whoever still may comes back at once, with another token, and goes on after the cursor. */
  async function awaitExpiry(session: Session, { expiresAtMs }: Identity, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && clock.nowMs() < expiresAtMs) await clock.sleep(expiresAtMs - clock.nowMs(), signal);
    session.end(closing.expired, 0);
  }

  async function beat(session: Session, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(settings.heartbeatMs, signal);
      void session.beat();
    }
  }

  /** Everybody is told to come back, each at a time of their own. */
  function dismiss(): void {
    let index = 0;
    for (const session of sessions) session.end(closing.away, 250 + ((index++ * 977) % SPREAD_MS));
  }

  return { socket, dismiss, connections: () => sessions.size };
}

const speak = (connection: SocketConnection) => ({
  send: (text: string) => connection.send(text),
  queuedBytes: () => connection.buffered(),
  close: (code: number, reason: string) => connection.close(code, reason),
});
