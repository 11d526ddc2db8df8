/** What an installation begins with: in production its first key, in development its one environment. */
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { DEVELOPMENT } from "#platform/config/mode.ts";
import { mintCredential } from "./credential.ts";
import type { AccessStore, EnvironmentRecord, NewKey } from "./store.ts";

const FIRST_ENVIRONMENT = "production";

/** The credential of an admin key, to be shown once; undefined where a key was ever made. */
export async function firstCredential(store: AccessStore, clock: Clock): Promise<string | undefined> {
  const environment = { name: FIRST_ENVIRONMENT, kind: EnvironmentKind.LIVE, home: true, createdAtMs: clock.nowMs() };
  const { key, credential } = adminKey(environment, "first key");
  return (await store.createFirst(environment, key)) ? credential : undefined;
}

/** The credential of another admin key, for whoever has the database in hand and lost all others. */
export async function recoveredCredential(store: AccessStore, clock: Clock): Promise<string> {
  const first = await firstCredential(store, clock);
  if (first !== undefined) return first;
  const homes = (await store.listEnvironments()).filter((each) => each.home);
  const home = homes.find(({ name }) => name === FIRST_ENVIRONMENT) ?? (homes[0] as EnvironmentRecord);
  const { key, credential } = adminKey({ ...home, createdAtMs: clock.nowMs() }, "recovered");
  await store.createKey(key, Number.MAX_SAFE_INTEGER);
  return credential;
}

function adminKey({ name: environment, kind, createdAtMs }: EnvironmentRecord, name: string): { key: NewKey; credential: string } {
  const { prefix, credential, hash } = mintCredential(kind);
  return { key: { prefix, hash, environment, name, scopes: [Scope.ADMIN], createdAtMs, expiresAtMs: 0 }, credential };
}

/** For tests: what waits in it when production starts on its data reaches no provider. Development itself sends where its settings say. */
export async function seedDevelopmentEnvironment(store: AccessStore, clock: Clock): Promise<void> {
  const environment = { name: DEVELOPMENT, kind: EnvironmentKind.TEST, home: true, createdAtMs: clock.nowMs() };
  if (!(await store.findEnvironment(DEVELOPMENT))) await store.createEnvironment(environment, Number.MAX_SAFE_INTEGER);
}
