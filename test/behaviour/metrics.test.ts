/** /metrics of a running process that has had work of every kind: what it shows, and that the dashboard and the alerts ask for nothing else. */
import { readFileSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { alerts, type Named, namedIn, queries } from "../expressions.ts";
import { openReceiver } from "../fakes/otlp.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

const MIB = 1_024 * 1_024;
const MEMORY_MIB = 8;

interface Metric {
  type: string;
  readonly labels: Set<string>;
  readonly series: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

let page = "";
let metrics: Map<string, Metric>;
const personal: string[] = [];

beforeAll(async () => {
  const receiver = await openReceiver();
  const sink = await openSink();
  sink.refuse = (address) => {
    if (address.startsWith("later")) return { code: 450, text: "later" };
    return address.startsWith("never") ? { code: 550, text: "no such user" } : undefined;
  };
  const world = await startWorld({
    env: {
      CARILLON_EMAIL_INTEGRATIONS: `smtp=smtp://127.0.0.1:${sink.port},spare=smtp://127.0.0.1:${sink.port}`,
      ...{ CARILLON_MAX_RETRY_COUNT: "1", CARILLON_ALERTS_WEBHOOK_URL: "http://127.0.0.1:1" },
      CARILLON_INGEST_MEMORY_MIB: String(MEMORY_MIB),
      ...{ CARILLON_OTEL_ENDPOINT: receiver.url, CARILLON_OTEL_SAMPLE_RATIO: "1" },
    },
  });
  const { ingest } = clientsOf(world.url);
  for (const email of ["ann@example.test", "never@example.test", "later@example.test"]) {
    const { notificationId } = await ingest.send({ recipients: [{ email }], content: { title: "Hello" } });
    personal.push(email, notificationId);
  }
  await ingest.send({ recipients: [{ userId: "user-4711" }], channels: [Channel.WEB], content: { title: "Hello" } });
  await ingest.send({ recipients: [] }).catch(() => {});
  const announced = announceMoreThanThereIsRoomFor(`${world.url}/carillon.ingest.v1.IngestService/SendBatch`);
  personal.push("user-4711", "Hello");
  await vi.waitFor(
    async () => {
      page = await (await fetch(`${world.url}/metrics`)).text();
      metrics = parsed(page);
      for (const status of ["sent", "failed", "deferred", "dead"])
        expect(sumOf("carillon_deliveries_total", { status })).toBeGreaterThan(0);
      for (const name of ["carillon_trace_spans_total", "carillon_http_seconds_count", "carillon_ingest_shed_total"])
        expect(metrics.get(name)?.series).not.toEqual([]);
    },
    { timeout: 60_000, interval: 250 },
  );
  for (const each of announced) each.destroy();
  await world.stop();
  await sink.close();
  await receiver.close();
});

/** Bodies are refused by the length that they declare, before anything of them has come. */
function announceMoreThanThereIsRoomFor(url: string): ClientRequest[] {
  const headers = { "content-type": "application/json", "content-length": String(4 * MIB) };
  return Array.from({ length: MEMORY_MIB / 4 + 1 }, () => {
    const announced = request(url, { method: "POST", headers }).on("error", () => {});
    announced.flushHeaders();
    return announced;
  });
}

/** The text format: `# TYPE name type`, then series. A histogram's series stand under the names that queries use. */
function parsed(text: string): Map<string, Metric> {
  const found = new Map<string, Metric>();
  const at = (name: string) => {
    const metric = found.get(name) ?? { type: "", labels: new Set<string>(), series: [] };
    found.set(name, metric);
    return metric;
  };
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) at(type[1] as string).type = type[2] as string;
    const series = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!series) continue;
    const labels = Object.fromEntries(
      [...(series[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]),
    );
    const metric = at(series[1] as string);
    for (const label of Object.keys(labels)) metric.labels.add(label);
    metric.series.push({ labels, value: Number(series[3]) });
  }
  return found;
}

function sumOf(name: string, wanted: Readonly<Record<string, string>> = {}): number {
  const fitting = (metrics.get(name)?.series ?? []).filter(({ labels }) =>
    Object.entries(wanted).every(([label, value]) => labels[label] === value),
  );
  return fitting.reduce((sum, { value }) => sum + value, 0);
}

/** By name, as docs/metrics.md tells them. */
const documented = new Map(
  [
    ...readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8").matchAll(/^\| `(carillon_\w+)` \| (\w+) \| ([^|]*) \|/gm),
  ].map(([, name = "", type, labels]) => [name, { type, labels: [...(labels ?? "").matchAll(/`(\w+)`/g)].map(([, label]) => label) }]),
);

/** Of engines, which this process has none of. */
const ENGINES = /^carillon_(cache|cassandra|fanout_missed|fanout_unpublished|ledger_restor|log_partitions|mysql|redis)/;

/** What is asked for and not there. */
const missing = (named: readonly Named[]): string[] =>
  named.flatMap(({ metric, labels }) => {
    const ofEngines = ENGINES.test(metric) ? documented.get(metric) : undefined;
    if (ofEngines) return labels.filter((label) => !ofEngines.labels.includes(label)).map((label) => `${metric}{${label}}`);
    const there = metrics.get(metric);
    if (!there || there.series.length === 0) return [metric];
    return labels.filter((label) => !there.labels.has(label)).map((label) => `${metric}{${label}}`);
  });

describe("the metrics of a running process", () => {
  it("are the ones of docs/metrics.md but for those of engines, with the labels that it names", () => {
    const shown = [...metrics].filter(([name, { type }]) => name.startsWith("carillon_") && type !== "");
    expect(shown.map(([name]) => name).sort()).toEqual([...documented.keys()].filter((name) => !ENGINES.test(name)).sort());
    for (const [name, { type }] of shown) {
      const { labels } = type === "histogram" ? (metrics.get(`${name}_count`) as Metric) : (metrics.get(name) as Metric);
      expect([name, type, [...labels].sort()]).toEqual([
        name,
        documented.get(name)?.type,
        [...(documented.get(name)?.labels ?? [])].sort(),
      ]);
    }
  });

  it("tell what became of every delivery, by channel, provider and reason", () => {
    const deliveries = (status: string, channel: string) => sumOf("carillon_deliveries_total", { status, channel });
    expect([
      deliveries("sent", "email"),
      deliveries("failed", "email"),
      deliveries("deferred", "email"),
      deliveries("dead", "email"),
    ]).toEqual([1, 1, 1, 1]);
    expect(sumOf("carillon_deliveries_total", { channel: "web", provider: "inbox", reason: "stored_in_inbox" })).toBe(1);
    const sends = (outcome: string) => sumOf("carillon_send_seconds_count", { provider: "smtp", outcome });
    expect([sends("accepted"), sends("rejected"), sends("retry")]).toEqual([1, 1, 2]);
    expect(sumOf("carillon_send_retries_total")).toBe(1);
    expect(sumOf("carillon_dead_letters_total", { topic: "dlq-email", reason: "attempts_exhausted" })).toBe(1);
    expect(sumOf("carillon_stage_records_total", { stage: "email-workers", outcome: "buried" })).toBe(1);
    // Four of mails, and the inbox's one.
    expect(sumOf("carillon_ledger_answers_total", { call: "intend", answer: "send" })).toBe(5);
  });

  it("tell of the process: ready, which version, its disk", () => {
    expect(sumOf("carillon_ready")).toBe(1);
    expect(sumOf("carillon_build_info", { node: process.versions.node })).toBe(1);
    expect(sumOf("carillon_data_disk_size_bytes")).toBeGreaterThan(sumOf("carillon_data_disk_free_bytes"));
    expect(sumOf("carillon_sqlite_commit_seconds_count", { durable: "true" })).toBeGreaterThan(0);
  });

  it("say nothing of a person or a notification", () => {
    expect(personal.filter((word) => page.includes(word))).toEqual([]);
  });

  it("stay few: no label has more values than there are things to count", () => {
    const most = Math.max(...[...metrics.values()].map(({ series }) => series.length));
    expect(most).toBeLessThan(1_000);
    expect(page.split("\n").length).toBeLessThan(5_000);
  });
});

describe("the dashboard", () => {
  it.each(queries().map((query) => [`${query.title}: ${query.expr}`, query] as const))(
    "asks for what is there: %s",
    (_name, { expr, legend }) => {
      const named = namedIn(expr, legend);
      expect(named.length).toBeGreaterThan(0);
      expect(missing(named)).toEqual([]);
    },
  );
});

describe("the alerts", () => {
  it.each(alerts().map(({ alert, expr }) => [alert, expr] as const))("%s asks for what is there", (_name, expr) => {
    const named = namedIn(expr);
    expect(named.length).toBeGreaterThan(0);
    expect(missing(named)).toEqual([]);
  });
});
