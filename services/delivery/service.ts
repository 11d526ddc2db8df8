/** ProvidersService: what proto/carillon/providers/v1 promises. The breakers are shared, so whichever worker is asked answers for all. */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { notFound, Problem } from "#domain/errors.ts";
import { AccessService } from "#gen/carillon/access/v1/access_pb.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { Order_Action as Action, BreakerMode, BreakerPhase, type ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import type { Given } from "#platform/host.ts";
import { type BreakerState, type Breakers, type Phase, type Standing, untold } from "#platform/limits/breaker.ts";
import type { Buckets } from "#platform/limits/bucket.ts";
import type { Order, Orders } from "#platform/limits/orders.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { Integration } from "./integration.ts";

export interface ServiceNeeds extends Pick<Given, "clock" | "logger" | "client"> {
  readonly breakers: Breakers;
  readonly buckets: Buckets;
  readonly orders: Orders;
  /** Those that could be out, in order of preference. */
  readonly integrations: readonly Integration[];
}

const PROVIDER = "smtp";
/** Of the integrations that there are, in the answer to who asks for another. */
const MOST_NAMED = 10;
/** In development there are none. */
const NO_KEY = "development";

const phaseOf: { readonly [phase in Phase]: BreakerPhase } = {
  closed: BreakerPhase.CLOSED,
  open: BreakerPhase.OPEN,
  "half-open": BreakerPhase.HALF_OPEN,
};
const actionOf: { readonly [is in Standing["is"]]: Action } = {
  pause: Action.PAUSE,
  resume: Action.RESUME,
  open: Action.FORCE_OPEN,
  closed: Action.FORCE_CLOSED,
  auto: Action.AUTO,
};
const orderOf: { readonly [mode in BreakerMode]: Standing["is"] } = {
  [BreakerMode.UNSPECIFIED]: "auto",
  [BreakerMode.AUTO]: "auto",
  [BreakerMode.FORCED_OPEN]: "open",
  [BreakerMode.FORCED_CLOSED]: "closed",
};

export function providersService(needs: ServiceNeeds): ServiceImpl<typeof ProvidersService> {
  const { integrations, breakers, buckets, orders, clock, logger, client } = needs;

  function integrationNamed(id: string): Integration {
    const found = integrations.find(({ sender }) => sender.id === id);
    if (!found) throw notFound(`integration ${id}`, `here: ${known()}`);
    return found;
  }

  /** Whoever mistook a name is helped by those that there are. */
  function known(): string {
    if (integrations.length === 0) return "none is configured that could be out";
    const names = integrations.slice(0, MOST_NAMED).map(({ sender }) => sender.id);
    return `there ${integrations.length > 1 ? "are" : "is"} ${names.join(", ")}${integrations.length > MOST_NAMED ? ", …" : ""}`;
  }

  async function order(id: string, is: Standing["is"], why: string, context: HandlerContext) {
    const integration = integrationNamed(id);
    const { environment, key: by = NO_KEY } = principalOf(context);
    const own = await client(AccessService, environment).getEnvironment({}, { signal: context.signal });
    if (!own.environment?.home)
      throw new Problem("PERMISSION_DENIED", { message: "Only admin keys of the first environment change integrations: all share them." });
    const standing = await orders.keep(id, { is, by, why, atMs: clock.nowMs() });
    logger.warn({ integration: id, order: is, by }, "an integration was moved by hand");
    const state = await breakers.order(id, standing).catch((error) => {
      throw butKept(error);
    });
    integration.breaker.learn(state);
    return { integration: await told(integration, state) };
  }

  async function told({ sender: { id }, rate }: Integration, state: BreakerState) {
    const { phase, held, paused, failures, forMs } = state;
    return {
      ...{ id, paused, failures, channel: Channel.EMAIL, provider: PROVIDER, phase: phaseOf[phase] },
      place: integrations.findIndex(({ sender }) => sender.id === id) + 1,
      mode: !held ? BreakerMode.AUTO : phase === "open" ? BreakerMode.FORCED_OPEN : BreakerMode.FORCED_CLOSED,
      sinceMs: BigInt(forMs === undefined ? 0 : clock.nowMs() - forMs),
      ...(rate && { rate: { ...rate, tokens: await buckets.level(id, rate) } }),
    };
  }

  return {
    async listIntegrations() {
      const states = await breakers.read(integrations.map(({ sender }) => sender.id));
      return { integrations: await Promise.all(integrations.map((each, at) => told(each, states[at] ?? untold))) };
    },
    async getIntegration({ id }) {
      const integration = integrationNamed(id);
      const [[state = untold], kept] = await Promise.all([breakers.read([id]), orders.newest(id)]);
      return { integration: await told(integration, state), orders: kept.map(toldOrder) };
    },
    pauseIntegration: ({ id, why }, context) => order(id, "pause", why, context),
    resumeIntegration: ({ id, why }, context) => order(id, "resume", why, context),
    setBreaker: ({ id, mode, why }, context) => order(id, orderOf[mode] as Standing["is"], why, context),
  };
}

/** Whoever gives up on it now is to know that it will be told all the same (orders.ts). */
function butKept(error: unknown): unknown {
  if (!(error instanceof Problem) || error.reason !== "STORE_UNAVAILABLE") return error;
  const message = "The order is kept, and holds within a minute of when the breakers can be reached. To take it back, order the opposite.";
  return new Problem(error.reason, { message, ...(error.retryAfterMs && { retryAfterMs: error.retryAfterMs }), cause: error });
}

const toldOrder = ({ atMs, is, by, why }: Order) => ({ atMs: BigInt(atMs), action: actionOf[is], by, why });
