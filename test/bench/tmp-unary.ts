import { spawn } from "node:child_process";
import { create, toBinary } from "@bufbuild/protobuf";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SendBatchRequestSchema, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { run } from "./load.ts";
const [script, mode, prof] = process.argv.slice(2);
const one = (person: number) => ({
  recipients: [{ userId: `person-${person}`, email: `person-${person}@example.test` }],
  eventType: "order.paid", channels: [Channel.EMAIL],
  content: { title: "Payment confirmed", body: "Your payment of 99.99 has been confirmed. ".repeat(6) },
});
const ingest = "/carillon.ingest.v1.IngestService";
const child = spawn(process.execPath, [...(prof ? ["--cpu-prof", "--cpu-prof-dir=" + prof] : []), "--disable-warning=ExperimentalWarning", new URL(script!, import.meta.url).pathname], { stdio: ["ignore", "pipe", "inherit"] });
const port = await new Promise<number>((r) => child.stdout.on("data", (c: Buffer) => r(Number(/port (\d+)/.exec(c.toString())?.[1]))));
const cpu = () => { const s = require("fs").readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" "); return (Number(s[11]) + Number(s[12])) * 10; };
import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
const unary = toBinary(SendRequestSchema, create(SendRequestSchema, one(1)));
const batch = toBinary(SendBatchRequestSchema, create(SendBatchRequestSchema, { notifications: Array.from({ length: 100 }, (_, i) => create(SendRequestSchema, one(i))) }));
const load = mode === "batch" ? { port, path: `${ingest}/SendBatch`, contentType: "application/proto", body: batch, connections: 8, requests: 600 } : { port, path: `${ingest}/Send`, contentType: "application/proto", body: unary, connections: 64, requests: 20000 };
const per = mode === "batch" ? 100 : 1;
for (let i = 0; i < 3; i++) { const b = cpu(); const r = await run(load); console.log(mode, script, (r * per).toFixed(0), "/s", "cpu us each", ((cpu() - b) * 1000 / (load.requests * per)).toFixed(1)); }
child.kill("SIGTERM");
