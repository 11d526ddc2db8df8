/**
 * What the modules registered: every procedure with its implementation, and Connect's universal handler for it.
 *
 * The implementation itself serves the unary calls of the Connect protocol and the calls in memory; the universal handler serves the rest.
 */
import type { DescMessage } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImplSpec,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { Problem } from "#domain/errors.ts";
import { didYouMean } from "#domain/near.ts";
import { MAX_DEADLINE_MS, MAX_STREAM_DEADLINE_MS, procedureOf } from "./interceptors.ts";

export interface Procedure {
  readonly path: string;
  readonly spec: MethodImplSpec;
  readonly handler: UniversalHandler;
}

export function collectProcedures(
  registrations: readonly ((router: ConnectRouter) => void)[],
  options: ConnectRouterOptions = {},
): ReadonlyMap<string, Procedure> {
  const unary = createConnectRouter({ ...options, maxTimeoutMs: MAX_DEADLINE_MS });
  const streams = createConnectRouter({ ...options, maxTimeoutMs: MAX_STREAM_DEADLINE_MS });
  const specs: MethodImplSpec[] = [];
  const record = (spec: MethodImplSpec) => {
    specs.push(spec);
    (spec.kind === "unary" ? unary : streams).rpc(spec.method, spec.impl as never);
  };
  const recording = {
    handlers: [],
    service(...[service, implementation, own]) {
      refuseOptions(own);
      for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) record(spec);
      return recording;
    },
    rpc(...[method, implementation, own]) {
      refuseOptions(own);
      record(createMethodImplSpec(method, implementation));
      return recording;
    },
  } as ConnectRouter;
  for (const register of registrations) register(recording);
  const handlers = new Map([...unary.handlers, ...streams.handlers].map((handler) => [handler.requestPath, handler]));
  return new Map(
    specs.map((spec) => {
      const path = procedureOf(spec.method);
      return [path, { path, spec, handler: handlers.get(path) as UniversalHandler }];
    }),
  );
}

const CALL_PATH = /^\/([a-z][\w.]*\.[A-Z]\w*)\/(\w+)$/;

/** For a path that looks like a call's, `/package.Service/Method`, and is none. */
export function missingProcedure(procedures: ReadonlyMap<string, Procedure>, path: string): Problem | undefined {
  const [, service = "", method = ""] = CALL_PATH.exec(path) ?? [];
  if (service === "") return undefined;
  const methods = [...procedures.keys()].filter((each) => each.startsWith(`/${service}/`)).map((each) => each.slice(service.length + 2));
  if (methods.length === 0) return new Problem("NOT_IMPLEMENTED", { message: `There is no service ${service} here.` });
  return new Problem("NOT_IMPLEMENTED", { message: `${service} has no method ${method}${didYouMean(method, methods) || "."}` });
}

/** Everything that may be read from a caller. */
export const inputsOf = (procedures: ReadonlyMap<string, Procedure>): Set<DescMessage> =>
  new Set([...procedures.values()].map(({ spec }) => spec.method.input));

/** Connect would take them in place of ours, and authentication, masking and validation would be gone. */
function refuseOptions(options: unknown): void {
  if (options !== undefined) throw new Error("router.service and router.rpc take no options here: they would replace the interceptors");
}
