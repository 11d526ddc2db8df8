/** The mesh on real engines of its own, with one broker and with three, beside BullMQ on the same Redis. */
import { startOwnMesh } from "../../engines/own.ts";
import { type Bench, type BenchRow, perSecond } from "../table.ts";
import { bullmq } from "./bullmq.ts";
import { idleShares } from "./idle.ts";
import { type Latency, latency, type Quantiles } from "./latency.ts";
import { intake, pipeline, type Throughput } from "./throughput.ts";

type Note = (row: BenchRow) => void;
/** What is asked is asked of one broker; three on one machine share its processor with everything else. */
type Asked = (text: string) => string;

const us = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} us`;
const total = (each: ReadonlyMap<string, number>) => [...each.values()].reduce((sum, value) => sum + value, 0);
const inMs = ({ p50, p99 }: Quantiles) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
const percent = (share: number) => `${(share * 100).toFixed(2)}%`;

const rows: Bench["rows"] = async (note) => {
  for (const brokers of [1, 3] as const) {
    const own = await startOwnMesh(brokers);
    const on = brokers === 1 ? "one broker" : "three brokers";
    const asked: Asked = (text) => (brokers === 1 ? text : "");
    try {
      if (brokers === 1) await notePeer(note, own.engines.addresses.redisLedger);
      const taken = await intake(own);
      note({
        what: `SendBatch of 100, acknowledged by Kafka, ${on}`,
        measured: perSecond(taken.perSecond),
        asked: asked("25,000/s"),
        goal: "",
      });
      note({ what: `CPU of ingest, a notification, ${on}`, measured: us(total(taken.us)), asked: "", goal: "" });
      notePipeline(note, asked, on, await pipeline(own, true), await pipeline(own, false));
      noteTimes(note, asked, `${on}, all modules in one process`, await latency(own, true));
      const times = await latency(own, false, async (processes) => {
        if (brokers === 1) noteIdle(note, await idleShares(processes));
      });
      noteTimes(note, asked, `${on}, a process for each module`, times);
    } finally {
      await own.stop();
    }
  }
};

async function notePeer(note: Note, redisUrl: string): Promise<void> {
  const peer = await bullmq(redisUrl);
  note({ what: "BullMQ: add and process an empty job", measured: perSecond(peer.perSecond), asked: "", goal: "" });
  note({ what: "CPU of BullMQ, a job", measured: us(peer.us), asked: "", goal: "" });
}

function notePipeline(note: Note, asked: Asked, on: string, one: Throughput, many: Throughput): void {
  const what = `the whole pipeline to a null provider, ${on}`;
  note({ what: `${what}, all modules in one process`, measured: perSecond(one.perSecond), asked: "", goal: "" });
  note({
    what: `CPU of ${what}, all modules in one process, a notification`,
    measured: us(total(one.us)),
    asked: asked("200 us at most"),
    goal: asked("60 us"),
  });
  note({ what: `${what}, a process for each module`, measured: perSecond(many.perSecond), asked: "", goal: "" });
  note({ what: `CPU of ${what}, a process for each module, a notification`, measured: us(total(many.us)), asked: "", goal: "" });
  for (const [name, each] of many.us) if (each >= 1) note({ what: `of which ${name}`, measured: us(each), asked: "", goal: "" });
  note({ what: `CPU of the engines, a notification, ${on}`, measured: us(many.enginesUs), asked: "", goal: "" });
  note({ what: `cache hit rate, ${on}`, measured: percent(many.hitRate), asked: asked("> 95%"), goal: "" });
}

function noteTimes(note: Note, asked: Asked, on: string, times: Latency): void {
  note({ what: `answer of the API at 100/s, ${on}`, measured: inMs(times.answer), asked: asked("p99 < 100 ms"), goal: "" });
  note({ what: `accept to browser frame at 100/s, ${on}`, measured: inMs(times.browser), asked: asked("p99 < 100 ms"), goal: "" });
  note({ what: `accept to the SMTP server's acceptance at 100/s, ${on}`, measured: inMs(times.mail), asked: asked("p99 < 5 s"), goal: "" });
}

function noteIdle(note: Note, shares: readonly (readonly [name: string, share: number])[]): void {
  const all = shares.map(([name, share]) => `${name} ${percent(share)}`).join(", ");
  note({ what: "idle for 60 s, of a core", measured: all, asked: "< 1% each", goal: "" });
}

export const bench: Bench = {
  title: "The mesh, on real engines",
  command: "npm run bench -- mesh --write",
  conditions:
    "Engines, Carillon's processes and the load share the cores; CPU is that of Node, all threads, from /proc. SendBatch and the pipeline " +
    "write Protobuf to notifications.raw, as production does.",
  rows,
};
