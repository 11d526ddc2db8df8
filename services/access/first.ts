/** What an installation begins with: in production its first key, in development its one environment. */
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { mintCredential } from "./credential.ts";
import type { AccessStore } from "./store.ts";

const FIRST_ENVIRONMENT = "production";

/** The credential of an admin key, to be shown once; undefined where a key was ever made. */
export async function firstCredential(store: AccessStore, clock: Clock): Promise<string | undefined> {
  const createdAtMs = clock.nowMs();
  const environment = { name: FIRST_ENVIRONMENT, kind: EnvironmentKind.LIVE, home: true, createdAtMs };
  const { prefix, credential, hash } = mintCredential(environment.kind);
  const key = { prefix, hash, environment: environment.name, name: "first key", scopes: [Scope.ADMIN], createdAtMs, expiresAtMs: 0 };
  return (await store.createFirst(environment, key)) ? credential : undefined;
}

/** Live, for development's mails go where its settings say. */
export async function seedDevelopmentEnvironment(store: AccessStore, name: string, clock: Clock): Promise<void> {
  const environment = { name, kind: EnvironmentKind.LIVE, home: true, createdAtMs: clock.nowMs() };
  if (!(await store.findEnvironment(name))) await store.createEnvironment(environment, Number.MAX_SAFE_INTEGER);
}
