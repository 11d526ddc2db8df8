/** Plain HTTP routes: which one a path names, and its request and answer. */
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";
import { readTraceparent, TRACEPARENT } from "#platform/telemetry/traceparent.ts";
import { demand } from "./admission.ts";
import { readBody, unpacked } from "./body.ts";
import type { Authenticate, Principal } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import { maskedProblem } from "./mask.ts";
import { isJson } from "./media.ts";
import { PART_BYTES } from "./parts.ts";
import { httpReplyOf } from "./problems.ts";
import type { HttpReply, Route } from "./route.ts";

const MOST_BODY_BYTES = 1_024 * 1_024;

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Either the route, or the methods that the path would answer; undefined when nothing has this path. */
export type Finding = Match | { readonly allowed: readonly string[] } | undefined;

export function routeTable(routes: readonly Route[]): (method: string, path: string) => Finding {
  const plain = new Map<string, Route[]>();
  const patterns: { segments: string[]; routes: Route[] }[] = [];
  const seen = new Set<string>();
  for (const route of routes) {
    const name = `${route.method} ${route.path}`;
    if (seen.has(name)) throw new Error(`${name} is declared twice`);
    seen.add(name);
    if (!route.path.includes("/:")) {
      plain.set(route.path, [...(plain.get(route.path) ?? []), route]);
      continue;
    }
    const known = patterns.find((each) => each.segments.join("/") === route.path);
    if (known) known.routes.push(route);
    else patterns.push({ segments: route.path.split("/"), routes: [route] });
  }
  return (method, path) => {
    const here = plain.get(path);
    if (here) return pick(here, method, {});
    const parts = path.split("/");
    for (const { segments, routes } of patterns) {
      const params = paramsOf(segments, parts);
      if (params) return pick(routes, method, params);
    }
    return undefined;
  };
}

function pick(routes: readonly Route[], method: string, params: Record<string, string>): Finding {
  const route = routes.find((each) => each.method === method || (method === "HEAD" && each.method === "GET"));
  return route ? { route, params } : { allowed: routes.flatMap((each) => (each.method === "GET" ? ["GET", "HEAD"] : [each.method])) };
}

function paramsOf(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of segments.entries()) {
    const part = parts[at] as string;
    if (!segment.startsWith(":")) {
      if (segment !== part) return undefined;
      continue;
    }
    const value = decoded(part);
    if (value === undefined || value === "") return undefined;
    params[segment.slice(1)] = value;
  }
  return params;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

export async function answerRoute(
  exchange: Exchange,
  { route, params }: Match,
  { authenticate, logger, tracer }: { authenticate: Authenticate; logger: Logger; tracer: Tracer },
): Promise<void> {
  const { method, path, headers, baseUrl, address } = exchange.head;
  const query = new URLSearchParams(exchange.head.query);
  const parent = route.probe ? undefined : readTraceparent(headers.get(TRACEPARENT));
  const span = route.probe ? undefined : tracer.enter(parent, `${method} ${route.path}`, "server");
  span?.set({ "http.request.method": method, "http.route": route.path });
  const load = route.shedder?.enter({ headers, requestId: exchange.requestId });
  let reply: HttpReply;
  try {
    const takesBody = method !== "GET" && method !== "HEAD";
    // Begun at once and awaited last: the body arrives whether it is wanted or not.
    const reading = takesBody ? readBody(exchange, MOST_BODY_BYTES, load) : Promise.resolve(new Uint8Array(0));
    reading.catch(() => {});
    const { environment, scopes } = await admitted(route, exchange, authenticate);
    load?.of(environment);
    if (route.json && !isJson(headers.get("content-type"))) {
      await reading;
      throw new Problem("UNSUPPORTED_MEDIA_TYPE");
    }
    const body = await unpacked(await reading, takesBody ? headers.get("content-encoding") : null, MOST_BODY_BYTES, load);
    if (body.byteLength > PART_BYTES) await load?.decode(body.byteLength);
    reply = await route.handle({
      ...{ method, path, params, query, headers, body, environment, scopes, address, baseUrl },
      requestId: exchange.requestId,
      traceparent: span?.traceparent ?? parent,
      ...{ signal: exchange.signal, load },
    });
  } catch (error) {
    if (!exchange.open) {
      span?.end("the caller went away");
      return;
    }
    const problem = maskedProblem(error, exchange.requestId, logger);
    reply = (isUnknown(problem) && route.stranger?.({ path, query, headers })) || httpReplyOf(problem);
  } finally {
    load?.leave();
  }
  span?.set({ "http.response.status_code": reply.status });
  span?.end(reply.status >= 500 ? String(reply.status) : undefined);
  exchange.reply(reply.status, Object.entries({ "x-content-type-options": "nosniff", ...reply.headers }), reply.body);
}

const isUnknown = ({ reason }: Problem): boolean => reason === "UNAUTHENTICATED" || reason === "TOO_MANY_FAILURES";

/** Who calls, where that matters. */
async function admitted(
  { scope }: Route,
  { head }: Exchange,
  authenticate: Authenticate,
): Promise<Pick<Principal, "environment" | "scopes">> {
  if (scope === "none") return { environment: "", scopes: [] };
  const principal = await authenticate(head.headers, head.address);
  demand(scope, principal);
  return principal;
}
