import { beforeEach, expect, test, vi } from "vitest";
import { fakeClock } from "../../../test/fakes/clock.ts";
import { AtFault } from "./failures.ts";
import type { Broker, Cluster } from "./internals.ts";
import { type Parcel, placeOf, type produceRequest } from "./produce.ts";
import { Producing } from "./producing.ts";

/** A request as one of the brokers has it, and what it is answered. */
interface Asked {
  readonly leader: string;
  readonly places: readonly string[];
  answer(errors?: Readonly<Record<string, number>>, without?: readonly string[]): Promise<void>;
  readonly reply: PromiseWithResolvers<Buffer>;
}

let clock: ReturnType<typeof fakeClock>;
let asked: Asked[];
let leads: Record<string, string>;
let opened: number;
let refreshed: number;
let findBroker: (leader: string) => Promise<Broker>;
let producing: Producing;

const parcel = (place: string, bytes = 100): Parcel => {
  const [topic = "", partition] = place.split("/");
  return { topic, partition: Number(partition), messages: [{ key: "k", value: Buffer.from(place), timeMs: 1 }], bytes };
};

/** As Kafka answers the request. */
function answerTo(places: readonly string[], errors: Readonly<Record<string, number>>): Buffer {
  const parts = places.flatMap((place) => {
    const [topic = "", partition] = place.split("/");
    const part = Buffer.alloc(2 + topic.length + 4 + 30);
    let at = part.writeInt16BE(topic.length, 0);
    at += part.write(topic, at);
    at = part.writeInt32BE(1, at);
    at = part.writeInt32BE(Number(partition), at);
    part.writeInt16BE(errors[place] ?? 0, at);
    return part;
  });
  const count = Buffer.alloc(4);
  count.writeInt32BE(places.length);
  return Buffer.concat([count, ...parts, Buffer.alloc(4)]);
}

/** What the body of a request names; each record's value is its place. */
const placesIn = (body: Buffer): string[] => [...body.toString("latin1").matchAll(/[a-z]+\/\d/g)].map(([place]) => place).sort();

const broker = (leader: string): Broker =>
  ({
    disconnect: async () => {},
    connectionPool: {
      async send({ request, response }: ReturnType<typeof produceRequest>) {
        const reply = Promise.withResolvers<Buffer>();
        const places = placesIn((await request.encode()).buffer);
        const answer: Asked["answer"] = async (errors = {}, without = []) => {
          reply.resolve(
            answerTo(
              places.filter((place) => !without.includes(place)),
              errors,
            ),
          );
        };
        asked.push({ leader, places, answer, reply });
        return response.parse(await response.decode(await reply.promise));
      },
    },
  }) as unknown as Broker;

const cluster = (): Cluster =>
  ({
    connect: async () => {},
    disconnect: async () => {},
    addMultipleTargetTopics: async () => {},
    refreshMetadata: async () => void refreshed++,
    findLeaderForPartitions: (topic: string, [partition = 0]: readonly number[]) => {
      const leader = leads[placeOf(topic, partition)];
      return leader === undefined ? {} : { [leader]: [partition] };
    },
    findBroker: ({ nodeId }: { nodeId: string }) => findBroker(nodeId),
  }) as unknown as Cluster;

const requests = (count: number) => vi.waitFor(() => expect(asked).toHaveLength(count));
const nth = (at: number) => asked[at] as Asked;

beforeEach(() => {
  clock = fakeClock();
  asked = [];
  leads = { "a/0": "1", "a/1": "2", "b/0": "1", "b/1": "1" };
  opened = refreshed = 0;
  findBroker = async (leader) => broker(leader);
  const open = () => {
    opened++;
    return cluster();
  };
  producing = new Producing({
    open,
    clock,
    topics: new Map([
      ["a", 2],
      ["b", 2],
    ]),
  });
});

test("what is sent in one turn goes to each broker in one request", async () => {
  const sent = Promise.all([producing.send(parcel("a/0")), producing.send(parcel("a/1")), producing.send(parcel("b/0"))]);
  await requests(2);
  expect(asked.map(({ leader, places }) => [leader, places])).toEqual([
    ["1", ["a/0", "b/0"]],
    ["2", ["a/1"]],
  ]);
  for (const each of asked) await each.answer();
  await sent;
});

test("a broker has one request at a time; the next one gathers meanwhile, and others are not kept waiting", async () => {
  const first = producing.send(parcel("a/0"));
  await requests(1);
  const later = [producing.send(parcel("b/0")), producing.send(parcel("b/1"))];
  const elsewhere = producing.send(parcel("a/1"));
  await requests(2);
  expect(nth(1).leader).toBe("2");
  await nth(1).answer();
  await elsewhere;
  await nth(0).answer();
  await first;
  await requests(3);
  expect(nth(2).places).toEqual(["b/0", "b/1"]);
  await nth(2).answer();
  await Promise.all(later);
});

test("a request holds two mebibytes, or one parcel that is larger", async () => {
  const sent = ["a/0", "b/0", "b/1"].map((place) => producing.send(parcel(place, 1_500_000)));
  for (let at = 0; at < sent.length; at++) {
    await requests(at + 1);
    expect(nth(at).places).toHaveLength(1);
    await nth(at).answer();
  }
  await Promise.all(sent);
});

test("a partition that was refused, or is not in the answer, is not acknowledged; its neighbours are", async () => {
  const sent = ["a/0", "b/0", "b/1"].map((place) => producing.send(parcel(place)));
  await requests(1);
  await nth(0).answer({ "b/0": 6 }, ["b/1"]);
  const [taken, refused, forgotten] = await Promise.allSettled(sent);
  expect(taken).toMatchObject({ status: "fulfilled" });
  expect(refused).toMatchObject({ reason: { type: "NOT_LEADER_FOR_PARTITION" } });
  expect(forgotten).toMatchObject({ reason: { message: "b/1 was not acknowledged" } });
});

test("after a failure who leads what is learned anew, also for what waited for the same broker", async () => {
  const first = Promise.allSettled([producing.send(parcel("a/0"))]);
  await requests(1);
  const waiting = producing.send(parcel("b/0"));
  expect(refreshed).toBe(1);
  leads["b/0"] = "2";
  nth(0).reply.reject(new Error("the broker is gone"));
  expect(await first).toMatchObject([{ reason: { message: "the broker is gone" } }]);
  await requests(2);
  expect([refreshed, nth(1).leader, nth(1).places]).toEqual([2, "2", ["b/0"]]);
  await nth(1).answer();
  await waiting;
});

test("while nobody leads a partition only what is for it is refused, at once and by name, until somebody does", async () => {
  delete leads["a/0"];
  const sent = Promise.allSettled([producing.send(parcel("a/0")), producing.send(parcel("b/0"))]);
  await requests(1);
  expect(nth(0).places).toEqual(["b/0"]);
  await nth(0).answer();
  const [refused, taken] = await sent;
  expect(refused).toMatchObject({ status: "rejected", reason: new AtFault("nobody leads a/0") });
  expect(taken).toMatchObject({ status: "fulfilled" });
  leads["a/0"] = "2";
  const again = producing.send(parcel("a/0"));
  await requests(2);
  expect(nth(1)).toMatchObject({ leader: "2", places: ["a/0"] });
  await nth(1).answer();
  await again;
});

test("where a broker is not reached in time, a fresh cluster is asked the next time", async () => {
  findBroker = () => new Promise(() => {});
  const stuck = Promise.allSettled([producing.send(parcel("a/0"))]);
  await vi.waitFor(async () => {
    await clock.advance(4_000);
    expect(opened).toBe(2);
  });
  expect(await stuck).toMatchObject([{ status: "rejected", reason: { reason: "LOG_UNAVAILABLE" } }]);
  findBroker = async (leader) => broker(leader);
  const again = producing.send(parcel("a/0"));
  await requests(1);
  await nth(0).answer();
  await again;
});
