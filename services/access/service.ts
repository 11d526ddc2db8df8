/** AccessService: what proto/carillon/access/v1 promises, over the store. */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { notFound, Problem } from "#domain/errors.ts";
import type { AccessService, EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { mintCredential } from "./credential.ts";
import type { AccessStore, EnvironmentRecord, KeyRecord, NewKey } from "./store.ts";

const MOST_ENVIRONMENTS = 50;
const MOST_USABLE_KEYS = 200;
const MOST_LISTED_KEYS = 1_000;
const ENDED_SHOWN_MS = 30 * 86_400_000;
const DEFAULT_OVERLAP_S = 86_400;
const VISIBLE = "that this key can see";

const environmentOf = ({ createdAtMs, ...known }: EnvironmentRecord) => ({ ...known, createdAtMs: BigInt(createdAtMs) });

const keyOf = ({ prefix, environment, name, scopes, createdAtMs, expiresAtMs, revokedAtMs, lastUsedAtMs }: KeyRecord) => ({
  ...{ prefix, environment, name, scopes: [...scopes] },
  createdAtMs: BigInt(createdAtMs),
  expiresAtMs: BigInt(expiresAtMs),
  revokedAtMs: BigInt(revokedAtMs),
  lastUsedAtMs: BigInt(lastUsedAtMs),
});

const unused = (key: NewKey): KeyRecord => ({ ...key, revokedAtMs: 0, lastUsedAtMs: 0 });

const wrong = (field: string, description: string) => new Problem("INVALID_REQUEST", { violations: [{ field, description }] });
const full = (field: string) =>
  wrong(field, `must be an environment with fewer than ${MOST_USABLE_KEYS} usable keys; revoke what is not needed any more`);

interface AccessNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
}

export function accessService(store: AccessStore, { clock, logger }: AccessNeeds): ServiceImpl<typeof AccessService> {
  const callersOwn = async (context: HandlerContext): Promise<EnvironmentRecord> => {
    const { environment } = principalOf(context);
    const own = await store.findEnvironment(environment);
    if (!own) throw notFound(`environment "${environment}"`, VISIBLE);
    return own;
  };

  /** Undefined: what the caller cannot see is not there. */
  const seen = async (name: string, context: HandlerContext): Promise<EnvironmentRecord | undefined> => {
    const own = await callersOwn(context);
    if (name === "" || name === own.name) return own;
    return own.home ? store.findEnvironment(name) : undefined;
  };

  const visible = async (name: string, context: HandlerContext): Promise<EnvironmentRecord> => {
    const environment = await seen(name, context);
    if (!environment) throw notFound(`environment "${name}"`, VISIBLE);
    return environment;
  };

  const visibleKey = async (prefix: string, context: HandlerContext): Promise<{ key: KeyRecord; kind: EnvironmentKind }> => {
    const key = await store.findKey(prefix);
    // Asked in any case: how long it takes is no hint either.
    const opened = await seen(key?.environment ?? "", context);
    if (!key || !opened) throw notFound(`key "${prefix}"`, VISIBLE);
    return { key, kind: opened.kind };
  };

  return {
    async createEnvironment({ name, kind }, context) {
      const own = await callersOwn(context);
      if (!own.home) throw new Problem("PERMISSION_DENIED", { message: "Only admin keys of the first environment make others." });
      const environment = { name, kind, home: false, createdAtMs: clock.nowMs() };
      const made = await store.createEnvironment(environment, MOST_ENVIRONMENTS);
      if (made === "taken") throw wrong("name", "must be a name that no environment has");
      if (made === "full") throw wrong("name", `must be one of the ${MOST_ENVIRONMENTS} environments that there are; no more are kept`);
      logger.info({ environment: name }, "environment made");
      return { environment: environmentOf(environment) };
    },

    async listEnvironments(_request, context) {
      const own = await callersOwn(context);
      return { environments: (own.home ? await store.listEnvironments() : [own]).map(environmentOf) };
    },

    async getEnvironment(_request, context) {
      return { environment: environmentOf(await callersOwn(context)) };
    },

    async createKey({ environment, name, scopes, expiresAtMs }, context) {
      const nowMs = clock.nowMs();
      const { name: opened, kind } = await visible(environment, context);
      const endsAtMs = Number(expiresAtMs);
      if (endsAtMs !== 0 && endsAtMs <= nowMs) throw wrong("expires_at_ms", "must be in the future, or left out for a key that stays");
      const { prefix, hash, credential } = mintCredential(kind);
      const key = { prefix, hash, environment: opened, name, scopes, createdAtMs: nowMs, expiresAtMs: endsAtMs };
      if (!(await store.createKey(key, MOST_USABLE_KEYS))) throw full("environment");
      logger.info({ prefix, environment: opened }, "key made");
      return { key: keyOf(unused(key)), credential };
    },

    async listKeys({ environment }, context) {
      const { name } = await visible(environment, context);
      const keys = await store.listKeys(name, clock.nowMs() - ENDED_SHOWN_MS, MOST_LISTED_KEYS);
      return { keys: keys.map(keyOf) };
    },

    async rotateKey({ prefix, overlapS = DEFAULT_OVERLAP_S }, context) {
      const nowMs = clock.nowMs();
      const { key: old, kind } = await visibleKey(prefix, context);
      const { environment, name, scopes, expiresAtMs } = old;
      const { credential, ...minted } = mintCredential(kind);
      const key = { ...minted, environment, name, scopes, createdAtMs: nowMs, expiresAtMs };
      const done = await store.replaceKey(prefix, nowMs + overlapS * 1_000, key, MOST_USABLE_KEYS);
      if (done === "ended") throw wrong("prefix", "must be of a key that is neither revoked nor expired");
      if (done === "full") throw full("prefix");
      logger.info({ prefix: minted.prefix, replaces: prefix, environment }, "key rotated");
      const replaced = (await store.findKey(prefix)) as KeyRecord;
      return { key: keyOf(unused(key)), credential, replaced: keyOf(replaced) };
    },

    async revokeKey({ prefix }, context) {
      const { key } = await visibleKey(prefix, context);
      await store.revokeKey(prefix, clock.nowMs());
      logger.info({ prefix, environment: key.environment }, "key revoked");
      return { key: keyOf((await store.findKey(prefix)) as KeyRecord) };
    },
  };
}
