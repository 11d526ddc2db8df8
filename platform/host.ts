/**
 * What a module is, what it is given, and what it hands over. services/main.ts puts modules together; nothing else knows them all.
 */

import type { DescService } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { z } from "zod";
import type { Clock } from "#platform/clock.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { EventLog } from "#platform/log/log.ts";
import type { Route, Socket } from "#platform/rpc/route.ts";
import type { Shedder } from "#platform/rpc/shed.ts";
import type { Stage } from "#platform/stage/stage.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";

/** Flat: every key is a whole key path such as "email.smtp-host"; the environment variable is CARILLON_ + key, punctuation to "_". */
export type ConfigSchema = z.ZodObject;

/** What every module may use. */
export interface Given {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly fanout: Fanout;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly tracer: Tracer;
  /** Unique per process start. */
  readonly worker: string;
  /** A client of another module's service, acting for an environment: in memory when it runs in this process. */
  client<S extends DescService>(service: S, environment: string): Client<S>;
}

export type Engine = "log" | "ledger" | "fanout";

/** Something that runs beside the stages, until its signal aborts. Errors are logged and it is started again. */
export interface Task {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

export interface Parts {
  readonly rpc?: (router: ConnectRouter) => void;
  // biome-ignore lint/suspicious/noExplicitAny: a stage's input is its own affair
  readonly stages?: readonly Stage<any>[];
  readonly tasks?: readonly Task[];
  readonly routes?: readonly Route[];
  readonly sockets?: readonly Socket[];
  /** Before its methods; its routes name theirs. */
  readonly shedders?: readonly Shedder[];
  /** Called after everything else of the process has drained. */
  readonly close?: () => Promise<void>;
}

/** `S` is what only this module needs: its store, made by services/adapters.ts. */
export interface Module<C = unknown, S = unknown> {
  readonly name: string;
  /** What it serves, for who calls it from another process. */
  readonly services?: readonly DescService[];
  /** The engines behind `given` that it works with; in a mesh a process opens no others. */
  readonly uses?: readonly Engine[];
  readonly config: ConfigSchema;
  build(config: C, given: Given, store: S): Parts | Promise<Parts>;
}
