/**
 * Where modules are: the port of each that runs in a process of its own, and where the others find it. In one process none of it is looked at.
 */
import type { DescService } from "@bufbuild/protobuf";
import { z } from "zod";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import { port } from "#platform/config/fields.ts";
import type { Module } from "#platform/host.ts";

/** The ports of modules that run alone. Ingest and console have the process's own, which everybody calls. */
const PORTS = {
  gateway: 8083,
  preferences: 8084,
  templates: 8085,
  tracker: 8086,
  inbox: 8087,
  deadletters: 8088,
  access: 8089,
  router: 8090,
  dispatcher: 8091,
  "email-workers": 8092,
  scheduler: 8093,
} as const;

const FRONT = ["ingest", "console"];

/** Those that others call. */
const SERVING = [
  "ingest",
  "console",
  "gateway",
  "preferences",
  "templates",
  "tracker",
  "inbox",
  "deadletters",
  "access",
  "email-workers",
] as const;

type Placed = keyof typeof PORTS;
type Serving = (typeof SERVING)[number];
type Fields = { [K in `${Placed}.port`]: ReturnType<typeof portField> } & { [K in `${Serving}.url`]: ReturnType<typeof urlField> };

const portField = (name: Placed) =>
  port()
    .default(PORTS[name])
    .meta({ description: `The port of a process that runs ${name} and neither ingest nor console. 0 picks a free one.` });

const urlField = (name: string) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), { error: "must be a URL like http://10.0.0.7:8084" })
    .optional()
    .meta({ description: `Where other processes find ${name}, by https where its ports speak TLS; left out: its port on this machine.` });

const names = Object.keys(PORTS) as Placed[];
const fields = Object.fromEntries([
  ...names.map((name) => [`${name}.port`, portField(name)]),
  ...SERVING.map((name) => [`${name}.url`, urlField(name)]),
]) as Fields;

const config = z.object(fields);
export type Places = z.output<typeof config>;

export const placesModule: Module<Places> = { name: "places", config, build: () => ({}) };

/** Whether a process with these modules has the ports that everybody calls. */
export const isFront = (modules: readonly Module[]): boolean => modules.some(({ name }) => FRONT.includes(name));

/** The port of a process that is not the front. */
export function portOf(modules: readonly Module[], places: Places): number {
  const first = modules.map(({ name }) => name).find((name): name is Placed => name in PORTS);
  return first === undefined ? 0 : places[`${first}.port`];
}

/** `front`: the port of ingest and console. `tls`: the ports of this installation speak TLS. */
export function urlOf(name: string, places: Places, { front, tls = false }: { readonly front: number; readonly tls?: boolean }): string {
  const given = (places as Readonly<Record<string, unknown>>)[`${name}.url`];
  if (typeof given === "string") return given.replace(/\/$/, "");
  const port_ = FRONT.includes(name) ? front : places[`${name as Placed}.port`];
  if (port_ === 0) throw new ConfigProblem([`${variableOf(`${name}.url`)} must be set: its port is picked at its start.`]);
  // A certificate names hosts, and seldom an address.
  return tls ? `https://localhost:${port_}` : `http://127.0.0.1:${port_}`;
}

/** The services that only other processes serve, each with the name of its module. */
export function elsewhere(all: readonly Module[], here: readonly Module[]): Map<DescService, string> {
  const absent = all.filter((module) => !here.includes(module));
  return new Map(absent.flatMap(({ name, services = [] }) => services.map((service) => [service, name] as const)));
}
