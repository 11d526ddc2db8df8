/** compose.yaml as Docker Compose sees it: merges done, variables filled in. That it does see it so is a test of compose.test.ts. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck: { readonly test: readonly string[]; readonly [more: string]: unknown };
  readonly deploy: { readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } } };
  readonly restart: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export const folder = fileURLToPath(new URL(".", import.meta.url));

/** As make-env.sh makes them, but the same every time. */
export const SECRETS: Readonly<Record<string, string>> = {
  CARILLON_SERVICE_SECRET: "5".repeat(64),
  MYSQL_PASSWORD: "6".repeat(64),
  MYSQL_ROOT_PASSWORD: "7".repeat(64),
  GRAFANA_PASSWORD: "8".repeat(64),
};

/** Throws what Docker Compose would say of a variable that must be set and is not. */
export function readCompose(variables: Readonly<Record<string, string>> = SECRETS): ComposeFile {
  const fill = (text: string) =>
    text.replaceAll(/\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})/g, (_all, dollar, name: string, kind, more: string) => {
      if (dollar) return "$";
      const value = variables[name] ?? "";
      if (value === "" && kind === "?") throw new Error(`${name} ${more}`);
      return value === "" && kind === "-" ? more : value;
    });
  return parse(readFileSync(`${folder}compose.yaml`, "utf8"), (_key, value: unknown) => (typeof value === "string" ? fill(value) : value), {
    merge: true,
  });
}

/** Those that run Carillon, each with the modules that it runs. */
export const carillonServices = ({ services }: ComposeFile): readonly (readonly [string, Service, readonly string[]])[] =>
  Object.entries(services).flatMap(([name, service]) => (service.build ? [[name, service, service.command ?? []] as const] : []));

/** Its service of the file, where a module runs. */
export function serviceOf(module: string, file: ComposeFile): string | undefined {
  return carillonServices(file).find(([, , modules]) => modules.includes(module))?.[0];
}
