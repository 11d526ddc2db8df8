/** Who may call this process: what stands before every call, by the process's settings. */
import type { Logger } from "pino";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { DEVELOPMENT } from "#platform/config/mode.ts";
import { demand } from "#platform/rpc/admission.ts";
import type { Authenticate } from "#platform/rpc/call.ts";
import { peerOf } from "#platform/rpc/peer.ts";
import { amongPeers } from "#platform/rpc/peers.ts";
import type { HearsWhy } from "#platform/telemetry/health.ts";
import { authenticating } from "./access/authenticate.ts";
import type { Sessions } from "./access/session.ts";
import type { AccessStore } from "./access/store.ts";
import type { ProcessSettings } from "./process.ts";

/** In development everybody who is let in at all, which is this machine; in production a key that may read. */
export const hearsWhy =
  ({ mode }: Pick<ProcessSettings, "mode">, authenticate: Authenticate): HearsWhy =>
  async ({ headers, address }) => {
    if (mode === "development") return true;
    // A balancer's probe, which brings none, is no failure to be counted.
    if (!headers.has("authorization") && !headers.has("cookie")) return false;
    try {
      demand(Scope.READ, await authenticate(headers, address));
      return true;
    } catch {
      return false;
    }
  };

/** In development everybody is the development environment, and may do anything. */
const developer: Authenticate = () => ({ environment: DEVELOPMENT, internal: false, scopes: [Scope.ADMIN] });

interface DoorNeeds {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessions: Sessions;
}

export function authenticateFor(settings: ProcessSettings, { store, clock, logger, sessions }: DoorNeeds): Authenticate {
  const front = { tls: settings["tls.cert"] !== undefined, trustProxy: settings["trust-proxy"] };
  const isSecure = (headers: Headers) => peerOf("", headers, front).baseUrl.startsWith("https:");
  const sessionOf = (headers: Headers) => sessions.read(headers.get("cookie"), isSecure(headers));
  const strangers = settings.mode === "production" ? authenticating({ store, clock, logger, sessionOf }) : developer;
  const secret = settings["service-secret"];
  return secret === undefined ? strangers : amongPeers([secret, settings["service-secret-other"]], clock, strangers);
}
