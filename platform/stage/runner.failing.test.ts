import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, text, trial } from "../../test/fakes/stage.ts";
import type { Stage } from "./stage.ts";
import { isTransient } from "./transient.ts";

const into: Topic = { name: "in", schema: ScheduledSchema, partitions: 1 };
const out: Topic = { name: "out", schema: ScheduledSchema, partitions: 1 };
const dead: Topic = { name: "dead", schema: DeadLetterSchema, partitions: 1 };

describe("a stage that fails", () => {
  let at: Trial;
  /** The batches handed out, as words, and when. */
  let handed: { atMs: number; words: string[] }[];
  let startMs: number;
  beforeEach(() => {
    at = trial([into, out, dead]);
    handed = [];
    startMs = at.clock.nowMs();
  });
  afterEach(() => at.end());

  /** Copies records in order until `check` throws. */
  const stageOf = (check: (word: string) => void, more: Partial<Stage<string>> = {}): Stage<string> => ({
    ...{ name: "copy", reads: [into], writes: [out], deadLetters: dead, decode: ({ value }) => text(value) },
    async handle(batch) {
      handed.push({ atMs: at.clock.nowMs() - startMs, words: batch.records.map((each) => each.value) });
      for (const each of batch.records) check(each.value);
      for (const each of batch.records) batch.done(each, { topic: out, key: each.record.key, value: each.record.value });
    },
    ...more,
  });
  const spread = async (...words: string[]) => {
    for (const word of words) await at.put(into, `key of ${word}`, word);
  };

  it("gets the unsettled records again, after a pause that grows", async () => {
    let away = true;
    await spread("a", "b");
    await at.run(
      stageOf(() => {
        if (away) throw Object.assign(new Error("away"), { transient: true });
      }),
    );
    await at.clock.advance(750);
    expect(handed).toEqual([
      { atMs: 0, words: ["a", "b"] },
      { atMs: 250, words: ["a", "b"] },
      { atMs: 750, words: ["a", "b"] },
    ]);
    away = false;
    await at.clock.advance(1_000);
    expect(await at.texts(out)).toEqual(["a", "b"]);
  });

  it("takes records that were left unsettled for a failure, and says so once, with counts and no content", async () => {
    await spread("secret-a", "secret-b");
    let leave = true;
    const { handle, ...rest } = stageOf(() => {});
    await at.run({
      ...rest,
      async handle(batch) {
        if (leave) batch.done(batch.records[0] as never);
        else await handle(batch);
      },
    });
    const failures = () => at.lines.filter((line) => line.msg === "stage failed");
    await vi.waitFor(() => expect(failures()).toHaveLength(1));
    expect(failures()[0]).toMatchObject({ stage: "copy", records: 2, unsettled: 1, failures: 1 });
    expect(JSON.stringify(at.lines)).not.toContain("secret");
    leave = false;
    await at.clock.advance(250);
    await vi.waitFor(async () => expect(await at.texts(out)).toEqual(["secret-b"]));
    expect(await at.metric("carillon_stage_failures_total")).toEqual({ "copy handle": 1, "copy settle": 0 });
  });

  it("gets a batch that failed three times record by record, so that the good ones go through", async () => {
    await spread("a", "bad", "c");
    await at.run(
      stageOf((word) => {
        if (word === "bad") throw new Error("cannot do this one");
      }),
    );
    await at.clock.advance(5_250);
    expect(handed.map(({ words }) => words.join(" "))).toEqual(["a bad c", "a bad c", "a bad c", "a", "bad", "c"]);
    await vi.waitFor(async () => expect(await at.texts(out)).toEqual(["a", "c"]));
  });

  it("has a record buried that failed five times alone, and its lane goes on", async () => {
    await spread("a", "bad", "c");
    await at.run(
      stageOf((word) => {
        if (word === "bad") throw new TypeError("undefined is not a function");
      }),
    );
    await at.put(into, "key of bad", "later");
    await at.clock.advance(59_000);
    const [letter] = (await at.records(dead)).map(({ value }) => fromBinary(DeadLetterSchema, value));
    expect(letter).toMatchObject({ reason: "stage_failed", detail: "undefined is not a function", key: "key of bad" });
    expect(handed.filter(({ words }) => words.join() === "bad")).toHaveLength(5);
    expect(await at.texts(out)).toEqual(["a", "c", "later"]);
    expect(await at.log.lag("copy", [into])).toBe(0);
  });

  describe("and has a word for what is given up", () => {
    const told: Topic = { name: "told", schema: ScheduledSchema, partitions: 1 };
    const poison = (value: Uint8Array) => {
      if (text(value) === "poison") throw new Error("not a word");
      return text(value);
    };
    /** Copies, fails on "bad", and makes of "large" what no topic takes: by `done`, or beside its own burial. */
    const copying = (more: Partial<Stage<string>>): Stage<string> => ({
      ...{ name: "copy", reads: [into], writes: [out, told], deadLetters: dead, decode: ({ value }) => poison(value) },
      async handle(batch) {
        for (const each of batch.records) {
          if (each.value === "bad") throw new TypeError("undefined is not a function");
          const huge = { topic: out, key: "k", value: new Uint8Array(1_500_000) };
          if (each.value === "large") batch.done(each, huge);
          else if (each.value === "own") batch.bury(each, "invalid", "ours", huge);
          else batch.done(each, { topic: out, key: "k", value: each.record.value });
        }
      },
      ...more,
    });
    const reasons = async () => (await at.records(dead)).map(({ value }) => fromBinary(DeadLetterSchema, value).reason).sort();
    beforeEach(async () => {
      await at.end();
      at = trial([into, out, told, dead]);
      await spread("poison", "bad", "large", "own", "good");
    });
    const buried = ["invalid", "oversize", "stage_failed", "undecodable"];

    it("has that appended with the burial, in one settle", async () => {
      const settles: string[][] = [];
      const faulty = faults({
        settle: (outputs) => {
          settles.push(outputs.map(({ topic, value }) => (topic === told ? text(value) : topic.name)));
          return "pass";
        },
      });
      await at.run(
        copying({
          givenUp: (_record, value, reason, detail) => [
            { topic: told, key: "k", value: new TextEncoder().encode(`${value} ${reason} ${detail.slice(0, 12)}`) },
          ],
        }),
        faultyLog(at.log, faulty),
      );
      await at.clock.advance(59_000);
      expect(await reasons()).toEqual(buried);
      expect((await at.texts(told)).sort()).toEqual([
        "bad stage_failed undefined is",
        "large oversize an output fo",
        "own invalid ours [left o",
        "undefined undecodable not a word",
      ]);
      for (const outputs of settles)
        expect(outputs.filter((name) => name === "dead")).toHaveLength(outputs.filter((name) => name.includes(" ")).length);
      expect(await at.texts(out)).toEqual(["good"]);
    });

    it.each([
      ["throws", () => expect.fail("of no use")],
      ["names a topic that the stage has not declared", () => [{ topic: into, key: "k", value: new Uint8Array() }]],
      ["is too large itself", () => [{ topic: told, key: "k", value: new Uint8Array(1_500_000) }]],
    ])("has the record buried without when it %s, and says so", async (_, givenUp) => {
      await at.run(copying({ givenUp }));
      await at.clock.advance(59_000);
      expect(await reasons()).toEqual(buried);
      expect(await at.texts(told)).toEqual([]);
      expect(await at.texts(out)).toEqual(["good"]);
      const lines = at.lines.filter(({ msg }) => msg === "a record is buried without what the stage has to say");
      expect(lines.map(({ reason }) => reason).sort()).toEqual(buried);
      expect(await at.log.lag("copy", [into])).toBe(0);
    });
  });

  it("never gives a record up for an error that passes by itself", async () => {
    await spread("a");
    let away = true;
    await at.run(
      stageOf(() => {
        if (away) throw new Problem("LOG_UNAVAILABLE");
      }),
    );
    await at.clock.advance(3_600_000);
    expect(await at.records(dead)).toEqual([]);
    away = false;
    await at.clock.advance(10_000);
    expect(await at.texts(out)).toEqual(["a"]);
  });

  it("takes a word on a record that comes after the failure, once", async () => {
    await spread("a", "b");
    const late = Promise.withResolvers<void>();
    let calls = 0;
    const { handle, ...rest } = stageOf(() => {});
    await at.run({
      ...rest,
      async handle(batch) {
        if (++calls > 1) return handle(batch);
        const [first] = batch.records;
        void late.promise.then(() => first && batch.done(first, { topic: out, key: "k", value: first.record.value }));
        throw new Error("half of it is still under way");
      },
    });
    await at.clock.advance(10);
    late.resolve();
    await at.clock.advance(300);
    expect(handed.map(({ words }) => words.join(" "))).toEqual(["b"]);
    expect(await at.texts(out)).toEqual(["a", "b"]);
  });

  it("loses no output when the log fails to settle or its reply is lost, and moves on when it is back", async () => {
    await spread("a", "b", "c");
    let settles = 0;
    const faulty = faults({
      settle: () => {
        settles++;
        if (settles <= 3) throw new Error("no disk");
        return settles === 4 ? "reply lost" : "pass";
      },
    });
    await at.run(
      stageOf(() => {}),
      faultyLog(at.log, faulty),
    );
    await at.clock.advance(10_000);
    expect(new Set(await at.texts(out))).toEqual(new Set(["a", "b", "c"]));
    expect(await at.log.lag("copy", [into])).toBe(0);
    expect(handed).toHaveLength(1);
    expect(await at.metric("carillon_stage_failures_total")).toEqual({ "copy handle": 0, "copy settle": 4 });
  });
});

describe("an error passes by itself", () => {
  it.each([
    ["a Problem that is UNAVAILABLE", new Problem("LOG_UNAVAILABLE"), true],
    ["any other Problem", new Problem("NOT_FOUND"), false],
    ["what says so", Object.assign(new Error("x"), { transient: true }), true],
    ["a Connect error of an unreachable service", new ConnectError("x", Code.Unavailable), true],
    ["a Connect error about the caller's credential", new ConnectError("x", Code.Unauthenticated), true],
    ["a Connect error about the caller's rights", new ConnectError("x", Code.PermissionDenied), true],
    ["a Connect error of a service that has no such method yet", new ConnectError("x", Code.Unimplemented), true],
    ["a Connect error about the request", new ConnectError("x", Code.InvalidArgument), false],
    ["a refused connection, as a cause", new Error("x", { cause: Object.assign(new Error("y"), { code: "ECONNREFUSED" }) }), true],
    ["a busy SQLite", Object.assign(new Error("x"), { code: "ERR_SQLITE_ERROR", errcode: 517 }), true],
    ["a bug", new TypeError("x"), false],
    ["a thrown word", "x", false],
  ])("%s", (_name, error, expected) => {
    expect(isTransient(error)).toBe(expected);
  });
});
