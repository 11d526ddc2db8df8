/**
 * Reservations in Redis, on the server that keeps what it is told: a repeat must find its key. They end by themselves.
 *
 * A reservation is one text: whether it was accepted ("1", else "0"), the small fields as JSON, a line's end, the request's bytes.
 */
import type { RedisConnection } from "#platform/redis/connect.ts";
import { redisProblem } from "#platform/redis/errors.ts";
import { runScripts, type ScriptCall, script } from "#platform/redis/script.ts";
import { KEPT_MS, type Reservation, type Reservations } from "./reservations.ts";

export interface RedisReservationsNeeds {
  readonly connection: RedisConnection;
  /** Before every key, so that several may share a server. */
  readonly prefix?: string;
}

const reserve = script(new URL("./reserve.lua", import.meta.url));
const accepted = script(new URL("./accepted.lua", import.meta.url));
/** Others wait while a script runs; a request is up to 256 KiB. */
const AT_ONCE = 100;
const ACCEPTED = "1";
const RESERVED = "0";
const LINE_END = 10;

export function redisReservations({ connection, prefix = "carillon:" }: RedisReservationsNeeds): Reservations {
  const { redis } = connection;
  const keyOf = (environment: string, notificationId: string) => `${prefix}reservation:${environment}/${notificationId}`;
  const inPieces = <T>(items: readonly T[], callOf: (some: readonly T[]) => ScriptCall): ScriptCall[] =>
    Array.from({ length: Math.ceil(items.length / AT_ONCE) }, (_, piece) => callOf(items.slice(piece * AT_ONCE, (piece + 1) * AT_ONCE)));

  return {
    async reserve(items) {
      const calls = inPieces(items, (some) => ({
        script: reserve,
        keys: some.map(({ environment, notificationId }) => keyOf(environment, notificationId)),
        args: [KEPT_MS, ...some.map(encode)],
      }));
      const earlier = (await runScripts(redis, calls)).flat() as (Buffer | null)[];
      return items.map((item, place) => decode(item, earlier[place]));
    },
    async markAccepted(environment, notificationIds) {
      const calls = inPieces(notificationIds, (some) => ({
        script: accepted,
        keys: some.map((id) => keyOf(environment, id)),
        args: [ACCEPTED],
      }));
      await runScripts(redis, calls);
    },
    async get(environment, notificationId) {
      try {
        return decode({ environment, notificationId }, await redis.getBuffer(keyOf(environment, notificationId)));
      } catch (error) {
        throw redisProblem(error);
      }
    },
  };
}

function encode({ hash, requested, key, acceptedAtMs, accepted }: Reservation): Uint8Array {
  const head = JSON.stringify({ hash, key, acceptedAtMs });
  return Buffer.concat([Buffer.from(`${accepted ? ACCEPTED : RESERVED}${head}\n`), requested]);
}

function decode(
  { environment, notificationId }: Pick<Reservation, "environment" | "notificationId">,
  kept: Buffer | null | undefined,
): Reservation | undefined {
  if (!kept) return undefined;
  const end = kept.indexOf(LINE_END);
  const { hash, key, acceptedAtMs } = JSON.parse(kept.toString("utf8", 1, end)) as Pick<Reservation, "hash" | "key" | "acceptedAtMs">;
  const requested = new Uint8Array(kept.subarray(end + 1));
  return { environment, notificationId, hash, requested, key, acceptedAtMs, accepted: kept.toString("utf8", 0, 1) === ACCEPTED };
}
