/** Typed clients of a world, as any service of the product would make them. */
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AccessService } from "#gen/carillon/access/v1/access_pb.ts";
import { DeadLettersService } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import { TemplatesService } from "#gen/carillon/templates/v1/templates_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";

/** In production every call needs a credential. */
export function transportOf(url: string, { binary = true, credential = "" } = {}) {
  const authorized: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${credential}`);
    return next(request);
  };
  const interceptors = credential === "" ? [] : [authorized];
  return createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: binary, interceptors });
}

export function clientsOf(url: string, options: { binary?: boolean; credential?: string } = {}) {
  const transport = transportOf(url, options);
  return {
    access: createClient(AccessService, transport),
    ingest: createClient(IngestService, transport),
    tracker: createClient(TrackerService, transport),
    preferences: createClient(PreferencesService, transport),
    templates: createClient(TemplatesService, transport),
    inbox: createClient(InboxService, transport),
    deadLetters: createClient(DeadLettersService, transport),
    providers: createClient(ProvidersService, transport),
  };
}

export const post = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  return { status: response.status, headers: response.headers, body: (await response.json()) as any };
};

export const getJson = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  return { status: response.status, body: (await response.json()) as any };
};
