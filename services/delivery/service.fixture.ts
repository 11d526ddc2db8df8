/** Clients of the providers' service in memory, by environment. All are live; `development` is the home. */
import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import type { Registry } from "prom-client";
import { AccessService, EnvironmentKind, EnvironmentSchema } from "#gen/carillon/access/v1/access_pb.ts";
import { ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { type Clients, createClients } from "#platform/rpc/memory.ts";
import { providersService, type ServiceNeeds } from "./service.ts";

export function providersClients(needs: Omit<ServiceNeeds, "client"> & { readonly metrics: Registry }): Clients {
  const routes = (router: ConnectRouter) => {
    router.service(AccessService, {
      getEnvironment(_request, context) {
        const name = principalOf(context).environment;
        return { environment: create(EnvironmentSchema, { name, kind: EnvironmentKind.LIVE, home: name === "development" }) };
      },
    });
    router.service(ProvidersService, providersService({ ...needs, client: clients }));
  };
  const clients = createClients({ rpc: () => [routes], ...needs });
  return clients;
}
