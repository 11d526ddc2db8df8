/**
 * grpc.health.v1.Health, for whoever watches the process by gRPC: SERVING when it is ready, by the rule of /readyz, for every service alike.
 *
 * It needs no credential and is answered while the process drains, as the probes over HTTP are.
 */
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Readiness } from "#platform/telemetry/health.ts";

const LOOK_EVERY_MS = 1_000;

export interface HealthNeeds {
  readonly ready: () => Readiness;
  /** Full names of the services that there are. */
  readonly services: () => ReadonlySet<string>;
  readonly clock: Clock;
}

export function healthService({ ready, services, clock }: HealthNeeds): (router: ConnectRouter) => void {
  const status = (): Status => (ready().ok ? Status.SERVING : Status.NOT_SERVING);
  // The empty name asks for the process as a whole.
  const isKnown = (service: string) => service === "" || services().has(service);
  return (router) =>
    router.service(Health, {
      check({ service }) {
        if (!isKnown(service)) throw new Problem("NOT_FOUND", { message: "There is no such service." });
        return { status: status() };
      },
      async *watch({ service }, { signal }) {
        let told: Status | undefined;
        while (!signal.aborted) {
          const now = isKnown(service) ? status() : Status.SERVICE_UNKNOWN;
          if (now !== told) yield { status: now };
          told = now;
          await clock.sleep(LOOK_EVERY_MS, signal);
        }
      },
      list: () => ({ statuses: Object.fromEntries([...services()].map((service) => [service, { status: status() }])) }),
    });
}

/** Whether a method is a probe's. */
export const isProbe = ({ parent }: { readonly parent: DescService }): boolean => parent.typeName === Health.typeName;
