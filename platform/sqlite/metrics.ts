/** What the database tells Prometheus: its commits, how large it is, and how much room its disk has. */
import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Registry } from "prom-client";
import { counter, gauge, histogram, lookUp } from "#platform/telemetry/metric.ts";
import type { Commit } from "./messages.ts";

const durable = "true (waited for fsync), false";

const commitSeconds = histogram({
  name: "carillon_sqlite_commit_seconds",
  help: "How long one transaction took in the writer thread, fsync included where it waits for one.",
  labels: { durable },
  buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
});
const callsTotal = counter({
  name: "carillon_sqlite_calls_total",
  help: "Calls that were committed, many in one transaction.",
  labels: { durable },
});
const fileBytes = gauge({
  name: "carillon_sqlite_file_bytes",
  help: "Size of the database's files.",
  labels: { file: "main, wal" },
});
const diskFree = gauge({
  name: "carillon_data_disk_free_bytes",
  help: "Room left to this process on the data directory's disk.",
  labels: {},
});
const diskSize = gauge({ name: "carillon_data_disk_size_bytes", help: "Size of the data directory's disk.", labels: {} });

/** Answers who is to hear of every commit. */
export function databaseMetrics(metrics: Registry, file: string): (commit: Commit) => void {
  const seconds = commitSeconds.on(metrics);
  const calls = callsTotal.on(metrics);
  const sizeOf = async (path: string) => (await stat(path)).size;
  const disk = () => statfs(dirname(file));
  lookUp(fileBytes, metrics, async () => [
    { labels: { file: "main" }, value: await sizeOf(file) },
    { labels: { file: "wal" }, value: await sizeOf(`${file}-wal`) },
  ]);
  lookUp(diskFree, metrics, async () => {
    const { bavail, bsize } = await disk();
    return [{ labels: {}, value: bavail * bsize }];
  });
  lookUp(diskSize, metrics, async () => {
    const { blocks, bsize } = await disk();
    return [{ labels: {}, value: blocks * bsize }];
  });
  return ({ seconds: took, calls: count, durable: waited }) => {
    seconds.observe({ durable: String(waited) }, took);
    calls.inc({ durable: String(waited) }, count);
  };
}
