/**
 * grpc.health.v1.Health, for whoever watches the process by gRPC: SERVING when it is ready, by the rule of /readyz, for every service alike.
 *
 * It needs no credential and is answered while the process drains, as the probes over HTTP are. So watching is bounded, by address and in
 * all, and one look a second serves all watchers.
 */
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { type Call, callKey } from "./call.ts";
import { networkOf } from "./network.ts";

const LOOK_EVERY_MS = 1_000;
/** A client's library that looks after the health of its backends has one for each; a cluster's may come through one address. */
const MOST_WATCHERS = 1_024;
const MOST_OF_ONE_NETWORK = 256;
const FULL_RETRY_MS = 5_000;

export interface HealthNeeds {
  readonly ready: () => Readiness;
  /** Full names of the services that there are. */
  readonly services: () => ReadonlySet<string>;
  readonly clock: Clock;
}

interface Watcher {
  readonly service: string;
  readonly told: Status;
  readonly wake: () => void;
}

export function healthService({ ready, services, clock }: HealthNeeds): (router: ConnectRouter) => void {
  const watching = new Set<Watcher>();
  const places = placesOfWatchers();
  let isLooking = false;

  const status = (): Status => (ready().ok ? Status.SERVING : Status.NOT_SERVING);
  // The empty name asks for the process as a whole.
  const isKnown = (service: string) => service === "" || services().has(service);
  const watched = (service: string, now = status()) => (isKnown(service) ? now : Status.SERVICE_UNKNOWN);

  async function look(): Promise<void> {
    isLooking = true;
    while (watching.size > 0) {
      await clock.sleep(LOOK_EVERY_MS);
      const now = status();
      for (const { service, told, wake } of watching) if (watched(service, now) !== told) wake();
    }
    isLooking = false;
  }

  const changed = (service: string, told: Status, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wake = () => {
        watching.delete(watcher);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const watcher: Watcher = { service, told, wake };
      watching.add(watcher);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
      else if (!isLooking) void look();
    });

  return (router) =>
    router.service(Health, {
      check({ service }) {
        if (!isKnown(service)) throw new Problem("NOT_FOUND", { message: "There is no such service." });
        return { status: status() };
      },
      async *watch({ service }, { signal, values }) {
        const leave = places.take((values.get(callKey) as Call).address);
        try {
          for (let told = watched(service); !signal.aborted; told = watched(service)) {
            yield { status: told };
            while (!signal.aborted && watched(service) === told) await changed(service, told, signal);
          }
        } finally {
          leave();
        }
      },
      list: () => ({ statuses: Object.fromEntries([...services()].map((service) => [service, { status: status() }])) }),
    });
}

/** Those of watchers, by network. */
function placesOfWatchers() {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    /** Answers how to leave. Throws Problem where there is none. */
    take(address: string): () => void {
      const network = networkOf(address);
      const own = taken.get(network) ?? 0;
      if (all >= MOST_WATCHERS || own >= MOST_OF_ONE_NETWORK)
        throw new Problem("TOO_MANY_WATCHERS", { message: FULL, retryAfterMs: FULL_RETRY_MS });
      all++;
      taken.set(network, own + 1);
      return () => {
        all--;
        const left = (taken.get(network) ?? 0) - 1;
        if (left > 0) taken.set(network, left);
        else taken.delete(network);
      };
    },
  };
}

const FULL = "This process, or your address, has as many watchers of its health as it takes. Ask with Check, or watch later.";

/** Whether a method is a probe's. */
export const isProbe = ({ parent }: { readonly parent: DescService }): boolean => parent.typeName === Health.typeName;
