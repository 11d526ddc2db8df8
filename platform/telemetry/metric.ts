/**
 * How a metric is declared: once, as a constant beside the code that moves it; put on a process' registry when that code is built.
 *
 * Every declaration is in the catalogue, from which docs/metrics.md is made. Names follow https://prometheus.io/docs/practices/naming/:
 * `carillon_`, then what it is, then its unit; counters end in `_total`. A label takes few values, all known beforehand: never an id.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

interface Declaration<L extends string> {
  readonly name: `carillon_${string}`;
  readonly help: string;
  /** What each label takes. */
  readonly labels: Readonly<Record<L, string>>;
}

export interface Catalogued extends Declaration<string> {
  readonly type: "counter" | "gauge" | "histogram";
}

interface Declared<M> {
  readonly labelNames: readonly string[];
  /** The one of this registry. */
  on(registry: Registry): M;
}

const declared: Catalogued[] = [];

/** All that were declared by what has been imported. */
export const catalogue = (): readonly Catalogued[] => declared;

function declare<L extends string, M>(
  type: Catalogued["type"],
  { name, help, labels }: Declaration<L>,
  make: (options: { name: string; help: string; labelNames: L[]; registers: Registry[] }) => M,
): Declared<M> {
  if (declared.some((each) => each.name === name)) throw new Error(`${name} is declared twice`);
  declared.push({ type, name, help, labels });
  const labelNames = Object.keys(labels) as L[];
  return {
    labelNames,
    on: (registry) => (registry.getSingleMetric(name) as M | undefined) ?? make({ name, help, labelNames, registers: [registry] }),
  };
}

export const counter = <L extends string = never>(declaration: Declaration<L>) =>
  declare("counter", declaration, (options) => new Counter<L>(options));

export const gauge = <L extends string = never>(declaration: Declaration<L>) =>
  declare("gauge", declaration, (options) => new Gauge<L>(options));

export const histogram = <L extends string = never>({
  buckets,
  ...declaration
}: Declaration<L> & { readonly buckets: readonly number[] }) =>
  declare("histogram", declaration, (options) => new Histogram<L>({ ...options, buckets: [...buckets] }));

export interface Sample<L extends string> {
  readonly labels: Readonly<Record<L, string>>;
  readonly value: number;
}

type Look = () => readonly Sample<string>[] | Promise<readonly Sample<string>[]>;

const looks = new WeakMap<object, Look[]>();

/**
 * Looks a gauge's values up whenever somebody scrapes. Several may look for one gauge, each for values of its own; one that fails says
 * nothing this time.
 */
export function lookUp<L extends string>(
  declared: Declared<Gauge<L>>,
  registry: Registry,
  look: () => readonly Sample<L>[] | Promise<readonly Sample<L>[]>,
): void {
  const metric = declared.on(registry) as Gauge<L> & { collect?: () => Promise<void> };
  const all = looks.get(metric) ?? [];
  looks.set(metric, all);
  all.push(look);
  metric.collect = async () => {
    const found = await Promise.allSettled(all.map(async (each) => each()));
    const samples = found.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    metric.reset();
    for (const { labels, value } of samples) metric.set(labels as never, value);
    // Reset leaves a 0 that nobody has seen.
    if (samples.length === 0 && declared.labelNames.length === 0) metric.remove();
  };
}
