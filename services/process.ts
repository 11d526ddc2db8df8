/** The settings of the process itself, which belong to no room. */
import { z } from "zod";
import { variableOf } from "#platform/config/config.ts";
import { consumerGroupId } from "#platform/config/consumer-group.ts";
import { flag, port, share } from "#platform/config/fields.ts";
import { mode } from "#platform/config/mode.ts";
import { otherServiceSecret, serviceSecret } from "#platform/config/service-secret.ts";
import type { Module } from "#platform/host.ts";
import { DATA_DIR } from "./data-dir.ts";

const PORTS = { "http-port": 8080, "grpc-port": 8081, "legacy-http-port": 8082 };

const fields = z.object({
  mode,
  adapters: z
    .enum(["embedded", "mesh"], { error: "must be embedded or mesh" })
    .default("embedded")
    .meta({
      description:
        "Which engines stand behind the ports. embedded: SQLite and memory, everything in one process. " +
        "mesh: Kafka, MySQL, Redis and Cassandra, in as many processes as there should be.",
    }),
  "service-secret": serviceSecret,
  "service-secret-other": otherServiceSecret,
  host: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/, { error: "must be an address or a host name, like 127.0.0.1 or 0.0.0.0" })
    .default("127.0.0.1")
    .meta({ description: "The address to listen on; in production any, 0.0.0.0 for every IPv4 address of the machine." }),
  "http-port": port().default(PORTS["http-port"]).meta({ description: "REST, Connect, gRPC-Web, pages and /ws. 0 picks a free one." }),
  "grpc-port": port()
    .default(PORTS["grpc-port"])
    .meta({ description: "gRPC over HTTP/2: without TLS (h2c), or with it where there is a certificate. 0 picks a free one." }),
  "legacy-http-port": port()
    .default(PORTS["legacy-http-port"])
    .meta({ description: "The same routes once more, for older callers. 0 picks a free one." }),
  "tls.cert": z
    .string()
    .optional()
    .meta({ description: "A PEM file with the certificate and its chain: then the ports speak TLS only. In production." }),
  "tls.key": z.string().optional().meta({ description: "The PEM file with the certificate's key, without a passphrase." }),
  "trust-proxy": flag().default(false).meta({
    description:
      "true: there is one proxy in front and nobody gets past it, so X-Forwarded-For and X-Forwarded-Proto are believed. In production.",
  }),
  config: z
    .string()
    .optional()
    .meta({ description: "A YAML file with settings; without it carillon.yaml in the working directory, where there is one." }),
  "consumer-group-id": consumerGroupId,
  "data-dir": z.string().default(DATA_DIR).meta({ description: "Where the database and the secrets are kept." }),
  "log.level": z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .meta({ description: "The least severe log line that is printed." }),
  "otel.endpoint": z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), { error: "must be a URL like http://localhost:4318" })
    .optional()
    .meta({
      description:
        "Where traces go by OTLP/HTTP: a collector, Jaeger or Tempo, by its base URL. Spans go to its /v1/traces. None: nothing is traced.",
    }),
  "otel.sample-ratio": share()
    .default(0.01)
    .meta({ description: "The share of calls without a traceparent that a trace is begun for. A caller's traceparent decides by itself." }),
  "otel.service-name": z
    .string()
    .min(1, { error: "must not be empty" })
    .default("carillon")
    .meta({ description: "The service's name in traces." }),
});

type Given = z.output<typeof fields>;

function* samePorts(given: Given): Iterable<[keyof Given, string]> {
  const names = Object.keys(PORTS) as (keyof typeof PORTS)[];
  for (const [index, one] of names.entries())
    for (const two of names.slice(index + 1)) {
      const taken = given[one];
      if (taken === 0 || taken !== given[two]) continue;
      // The one that was set is the one to speak of.
      const [set, other] = taken === PORTS[one] ? [two, one] : [one, two];
      yield [set, `must differ from ${variableOf(other)}, which is ${taken} too`];
    }
}

/** What does not go together: each with the setting that was made, and what it would have to be. */
function* clashes(given: Given): Iterable<[keyof Given, string]> {
  const { host, "tls.cert": cert, "tls.key": key } = given;
  yield* samePorts(given);
  if (cert !== undefined && key === undefined) yield ["tls.cert", `must come with ${variableOf("tls.key")}, which is not set`];
  if (cert === undefined && key !== undefined) yield ["tls.key", `must come with ${variableOf("tls.cert")}, which is not set`];
  if (given.mode === "production") return;
  const production = `must come with ${variableOf("mode")}=production`;
  if (!["127.0.0.1", "localhost"].includes(host))
    yield ["host", `must be 127.0.0.1, for development mode answers nobody else; another one ${production}`];
  if (cert !== undefined) yield ["tls.cert", production];
  if (key !== undefined) yield ["tls.key", production];
  if (given["trust-proxy"]) yield ["trust-proxy", production];
}

const config = fields.superRefine((given, context) => {
  for (const [key, message] of clashes(given)) context.addIssue({ code: "custom", path: [key], message });
});

export type ProcessSettings = z.output<typeof config>;

export const processModule: Module<ProcessSettings> = { name: "process", config, build: () => ({}) };
