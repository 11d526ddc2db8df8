import { describe, expect, it } from "vitest";
import { z } from "zod";
import { raw } from "#domain/topics.ts";
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import { demandOwners, type RawTopicSettings, rawTopicFields } from "#platform/config/raw-topic.ts";
import { rawDoor } from "./door.ts";
import { originOf } from "./origin.ts";

const SECRET = "a secret of at least 32 characters";
const reader = { name: "reader", config: z.object(rawTopicFields).superRefine(demandOwners) };
const load = (env: NodeJS.ProcessEnv) => loadConfig([reader], env).get("reader") as unknown as RawTopicSettings;
const door = (env: NodeJS.ProcessEnv, isPublic = true) => rawDoor(load(env), { isPublic });
const production = { CARILLON_MODE: "production", CARILLON_SERVICE_SECRET: SECRET };

const value = new TextEncoder().encode("{}");
const record = (headers: Record<string, string> = {}, key = "staging/ann") => ({ key, value, headers });
const proven = record({ "carillon-origin": originOf(SECRET).prove("staging/ann", value) });
const forged = record({ "carillon-origin": originOf("another secret of 32 characters!").prove("staging/ann", value) });

describe("on a log that others write to", () => {
  const bound = door({ ...production, CARILLON_RAW_TOPIC_ENVIRONMENT: "production" });
  const unbound = door(production);

  it("what ingest wrote belongs to the environment of its key, whatever the topic is bound to", () => {
    for (const each of [bound, unbound]) expect(each.ownerOf(proven, raw.name)).toEqual({ environment: "staging" });
  });

  it("what others write belongs to the topic's environment, whatever its key says", () => {
    expect(bound.ownerOf(record(), raw.name)).toEqual({ environment: "production" });
  });

  it("what others write is let in nowhere where the topic is nobody's", () => {
    expect(unbound.ownerOf(record(), raw.name)).toEqual({
      environment: undefined,
      fault: expect.stringContaining("CARILLON_RAW_TOPIC_ENVIRONMENT is not set"),
    });
  });

  it("a proof that is wrong is not let in, and is told to the topic's environment only", () => {
    const fault = expect.stringMatching(/^carillon-origin: must be left out/);
    expect(bound.ownerOf(forged, raw.name)).toEqual({ environment: "production", fault });
    expect(unbound.ownerOf(forged, raw.name)).toEqual({ environment: undefined, fault });
    expect(door({}).ownerOf(proven, raw.name)).toEqual({ environment: "development", fault });
  });

  it("in development it is the development environment's, and needs no secret", () => {
    expect(door({}).ownerOf(record(), raw.name)).toEqual({ environment: "development" });
  });

  it.each([{ CARILLON_MODE: "production" }, { CARILLON_RAW_TOPIC_ENVIRONMENT: "staging" }])(
    "there is no start without a secret where ingest's could be another environment's: %j",
    (env) => {
      expect(() => door(env)).toThrow(ConfigProblem);
      expect(() => door(env)).toThrow(/^CARILLON_SERVICE_SECRET is missing: /);
    },
  );

  it("keys of the other topics are ours, and a topic that is none any more is nobody's", () => {
    expect(bound.ownerOf(record(), "delivery.events")).toEqual({ environment: "staging" });
    expect(bound.ownerOf(record(), "dlq-email")).toEqual({ environment: "staging" });
    expect(bound.ownerOf(record(), "gone").environment).toBeUndefined();
  });
});

describe("on a log that nobody else writes to", () => {
  it("notifications.raw is ingest's, of every environment, without a secret or a proof", () => {
    for (const env of [{}, { CARILLON_MODE: "production" }, { ...production, CARILLON_RAW_TOPIC_ENVIRONMENT: "production" }])
      for (const each of [record(), proven, forged]) expect(door(env, false).ownerOf(each, raw.name)).toEqual({ environment: "staging" });
  });
});

describe("further raw topics", () => {
  it("are read beside notifications.raw, each bound to an environment", () => {
    const env = { ...production, CARILLON_RAW_TOPICS: "one=staging, two", CARILLON_RAW_TOPIC_ENVIRONMENT: "production" };
    for (const isPublic of [true, false]) {
      const { topics, topicNamed, ownerOf } = door(env, isPublic);
      expect(topics.map(({ name, partitions }) => [name, partitions])).toEqual([
        ["notifications.raw", 12],
        ["one", 12],
        ["two", 12],
      ]);
      expect(topicNamed("one")).toBe(topics[1]);
      expect(topicNamed("email-notifications")?.name).toBe("email-notifications");
      expect(ownerOf(record({}, "production/ann"), "one")).toEqual({ environment: "staging" });
      expect(ownerOf(record(), "two")).toEqual({ environment: "production" });
    }
  });

  it("are the development environment's in development", () => {
    expect(door({ CARILLON_RAW_TOPICS: "one" }, false).ownerOf(record(), "one")).toEqual({ environment: "development" });
  });

  it.each([
    ["a topic that there is", "notifications.raw", "must be new topics' names"],
    ["the dots that Kafka refuses", "..", "must be new topics' names"],
    ["another sign", "my topic", "must be new topics' names"],
    ["an environment that is none", "one=Production", "must be new topics' names"],
    ["two environments", "one=a=b", "must be new topics' names"],
    ["a topic twice", "one=staging,one", "must not name one twice"],
    ["nobody's", "one", "must name an environment, as in one=production, or come with CARILLON_RAW_TOPIC_ENVIRONMENT"],
  ])("are refused as a setting with %s", (_, text, words) => {
    const env = { ...production, CARILLON_RAW_TOPICS: text };
    expect(() => load(env)).toThrow(words);
    expect(() => load(env)).toThrow(/^CARILLON_RAW_TOPICS is /);
  });
});

it("a secret that is too short is refused, and not shown", () => {
  const env = { CARILLON_SERVICE_SECRET: "short" };
  expect(() => load(env)).toThrow(/^CARILLON_SERVICE_SECRET has a value that must have at least 32 characters/);
  expect(() => load(env)).not.toThrow(/"short"/);
});
