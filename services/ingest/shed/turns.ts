/**
 * Whose turn it is: start-time fair queueing (Goyal, Vin and Cheng, 1996) between environments, and within one between its tenants.
 *
 * Pure. Of those who wait the one goes next who was given least. Who comes after being idle goes at once, however many others wait, and
 * nobody saves up turns by being idle. What was begun goes before what is new of the same tenant. All is forgotten when nobody waits.
 */
import type { Flow } from "./shares.ts";

interface Turn<T> {
  readonly of: T;
  readonly cost: number;
  readonly begun: boolean;
}

/** Of a tenant or an environment. `dueAt`: when its next turn starts, in units of cost, by a clock that only turns move. */
interface Line {
  dueAt: number;
  waiting: number;
  /** Of them: next parts of what has begun. */
  goingOn: number;
}

interface TenantLine<T> extends Line {
  /** In the order in which they came. */
  readonly begun: Set<Turn<T>>;
  readonly fresh: Set<Turn<T>>;
}

interface EnvironmentLine<T> extends Line {
  /** The start of the last turn that was given to one of its tenants. */
  nowAt: number;
  readonly tenants: Map<string | undefined, TenantLine<T>>;
}

/** Lines of a tenant or an environment that nobody stands in are remembered up to here; each that is forgotten owes one turn at most. */
const MOST_EMPTY_LINES = 1_024;

export class Turns<T> {
  readonly #environments = new Map<string, EnvironmentLine<T>>();
  readonly #waiting = new Map<T, { readonly flow: Flow; readonly turn: Turn<T> }>();
  /** The start of the last turn that was given. */
  #nowAt = 0;

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** One turn at a time for each. `begun`: it is the next part of something that has had a turn. */
  wait(of: T, flow: Flow, { cost, begun = false }: { readonly cost: number; readonly begun?: boolean }): void {
    const turn = { of, cost, begun };
    this.#waiting.set(of, { flow, turn });
    const [environment, tenant] = this.#linesOf(flow);
    if (environment.waiting++ === 0) environment.dueAt = Math.max(environment.dueAt, this.#nowAt);
    if (tenant.waiting++ === 0) tenant.dueAt = Math.max(tenant.dueAt, environment.nowAt);
    (begun ? tenant.begun : tenant.fresh).add(turn);
    if (!begun) return;
    environment.goingOn++;
    tenant.goingOn++;
  }

  /** Who is next, and goes on waiting; where nothing new may begin, of those that have begun. */
  next(mayBegin: boolean): Turn<T> | undefined {
    const kind = mayBegin ? "waiting" : "goingOn";
    const tenant = first(first(this.#environments.values(), kind)?.tenants.values() ?? [], kind);
    for (const turn of tenant?.begun ?? []) return turn;
    for (const turn of tenant?.fresh ?? []) return turn;
    return undefined;
  }

  /** The turn is given, and written down. */
  give(of: T): void {
    const found = this.#waiting.get(of);
    if (!found) return;
    const [environment, tenant] = this.#linesOf(found.flow);
    this.#nowAt = environment.dueAt;
    environment.nowAt = tenant.dueAt;
    environment.dueAt += found.turn.cost;
    tenant.dueAt += found.turn.cost;
    this.delete(of);
  }

  /** It does not wait any more. */
  delete(of: T): void {
    const found = this.#waiting.get(of);
    if (!found) return;
    this.#waiting.delete(of);
    const { flow, turn } = found;
    const [environment, tenant] = this.#linesOf(flow);
    (turn.begun ? tenant.begun : tenant.fresh).delete(turn);
    for (const line of [environment, tenant]) {
      line.waiting--;
      if (turn.begun) line.goingOn--;
    }
    if (this.#waiting.size === 0) {
      this.#environments.clear();
      this.#nowAt = 0;
      return;
    }
    tidy(environment.tenants);
    tidy(this.#environments);
  }

  #linesOf({ environment, tenant }: Flow): [EnvironmentLine<T>, TenantLine<T>] {
    let whole = this.#environments.get(environment);
    if (!whole) {
      whole = { dueAt: this.#nowAt, waiting: 0, goingOn: 0, nowAt: 0, tenants: new Map() };
      this.#environments.set(environment, whole);
    }
    let part = whole.tenants.get(tenant);
    if (!part) {
      part = { dueAt: whole.nowAt, waiting: 0, goingOn: 0, begun: new Set(), fresh: new Set() };
      whole.tenants.set(tenant, part);
    }
    return [whole, part];
  }
}

/** Of equals the one whose line is the oldest. */
function first<L extends Line>(lines: Iterable<L>, kind: "waiting" | "goingOn"): L | undefined {
  let found: L | undefined;
  for (const line of lines) if (line[kind] > 0 && (!found || line.dueAt < found.dueAt)) found = line;
  return found;
}

/** Once in a while: each look costs as much as there are lines. */
function tidy(lines: Map<unknown, Line>): void {
  if (lines.size <= MOST_EMPTY_LINES) return;
  let empty = 0;
  for (const { waiting } of lines.values()) if (waiting === 0) empty++;
  if (empty <= MOST_EMPTY_LINES) return;
  for (const [name, { waiting }] of lines) if (waiting === 0) lines.delete(name);
}
