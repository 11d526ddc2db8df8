/** Everything in one process on SQLite: each speed beside a peer where there is one. `--full` sends a million notifications for the memory row. */
import { memory, startUp } from "./footprint.ts";
import { highAmongLow } from "./lanes.ts";
import { mailRates } from "./mail.ts";
import { pushLatency } from "./push.ts";
import { batchRate, grpcRates, pipelineRate, unaryRates } from "./rates.ts";
import { renderCost } from "./render.ts";
import { stageCosts } from "./stages.ts";
import { type Bench, perSecond } from "./table.ts";

/** Of the memory row; a million takes some minutes. */
const NOTIFICATIONS = process.argv.includes("--full") ? 1_000_000 : 100_000;

const rows: Bench["rows"] = async (note) => {
  const { ours, peer } = await unaryRates();
  note({
    what: `unary Send, binary, durable in the log, beside connect-node into memory at ${perSecond(peer)}`,
    measured: `${perSecond(ours)} = ${(ours / peer).toFixed(2)}x`,
    asked: "1.5x",
    goal: "4x",
  });
  const grpc = await grpcRates();
  note({
    what: `unary Send by gRPC, durable in the log, beside connect-node's gRPC into memory at ${perSecond(grpc.peer)}`,
    measured: `${perSecond(grpc.ours)} = ${(grpc.ours / grpc.peer).toFixed(2)}x`,
    asked: "1x",
    goal: "2x",
  });
  note({ what: "SendBatch of 100, durable", measured: perSecond(await batchRate()), asked: "30,000/s", goal: "100,000/s" });
  note({ what: "the whole pipeline to a null provider", measured: perSecond(await pipelineRate()), asked: "6,000/s", goal: "20,000/s" });
  note({ what: "render of a typical email", measured: `${renderCost().toFixed(1)} us`, asked: "50 us at most", goal: "" });
  const { p50, p99 } = await pushLatency();
  note({
    what: "accept to browser frame at 200/s",
    measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    asked: "p99 < 50 ms",
    goal: "",
  });
  const mail = await mailRates();
  note({
    what: `mails over SMTP through the whole pipeline, beside nodemailer alone at ${perSecond(mail.peer)}`,
    measured: `${perSecond(mail.ours)} = ${(mail.ours / mail.peer).toFixed(2)}x`,
    asked: "0.8x",
    goal: "",
  });
  for (const [how, rate] of [
    ["at 1,000 a minute", { perSecond: 1_000 / 60, burst: 100 }],
    ["without a rate", undefined],
  ] as const) {
    const { p50, worst } = await highAmongLow(rate);
    note({
      what: `100,000 low-priority mails queued, ${how}: a high-priority one starts`,
      measured: `p50 ${Math.round(p50)} ms, at most ${Math.round(worst)} ms`,
      asked: "< 1 s",
      goal: "",
    });
  }
  note({ what: "start to ready", measured: `${(await startUp()).toFixed(2)} s`, asked: "< 1.5 s", goal: "" });
  const { atRest, after } = await memory(NOTIFICATIONS);
  note({
    what: `memory at rest, and after ${NOTIFICATIONS.toLocaleString("en")} notifications`,
    measured: `${Math.round(atRest)} MiB, ${Math.round(after)} MiB`,
    asked: "",
    goal: "",
  });
  for (const { stage, us } of await stageCosts())
    note({ what: `CPU of ${stage}, a notification`, measured: `${us.toFixed(1)} us`, asked: "", goal: "" });
};

export const bench: Bench = {
  title: "Everything in one process, on SQLite",
  command: "npm run bench -- --write",
  conditions: "Server, load and database thread share the cores.",
  rows,
};
