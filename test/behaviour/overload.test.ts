/** More than a process can hold, from one tenant: who is refused, how, and what everybody else notices. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { clientsOf, post } from "../world/clients.ts";
import { startWorld, type World } from "../world/world.ts";

/** Two of the largest batches. */
const MEMORY_MIB = 8;
const CALLERS = 12;
const ROUNDS = 3;

let world: World;
beforeAll(async () => {
  world = await startWorld({ env: { CARILLON_INGEST_MEMORY_MIB: String(MEMORY_MIB), CARILLON_EMAIL_PROVIDER: "null" } });
});
afterAll(() => world.stop());

const channels = [Channel.EMAIL];
const recipients = [{ email: "ann@example.test" }];
/** Just below four mebibytes, in few notifications. */
const large = (tenant: string) => ({
  notifications: Array.from({ length: 16 }, () => ({
    tenant,
    recipients,
    channels,
    content: { title: "Large", body: "x".repeat(240_000) },
  })),
});

type Ingest = Client<typeof IngestService>;

interface Flood {
  readonly taken: string[];
  readonly refused: ConnectError[];
}

/** Each caller, on a connection of its own, again at once, whatever it was told. */
async function flood(ingestOf: () => Ingest): Promise<Flood> {
  const [taken, refused]: [string[], ConnectError[]] = [[], []];
  const call = async (ingest: Ingest) => {
    try {
      const { results } = await ingest.sendBatch(large("noisy"), { timeoutMs: 60_000 });
      for (const { result } of results)
        taken.push(result.case === "accepted" ? result.value.notificationId : `refused: ${result.value?.reason}`);
    } catch (error) {
      refused.push(ConnectError.from(error));
    }
  };
  const caller = async () => {
    const ingest = ingestOf();
    for (let round = 0; round < ROUNDS; round++) await call(ingest);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { taken, refused };
}

const heldBytes = async () => {
  const page = await (await fetch(`${world.url}/metrics`)).text();
  return Number(/^carillon_ingest_held_bytes (\d+)$/m.exec(page)?.[1]);
};

const clients = () => clientsOf(world.url);
const byGrpc = () => createClient(IngestService, createGrpcTransport({ baseUrl: `http://${world.grpcAddress}` }));

it.each([
  ["Connect", () => clients().ingest],
  ["gRPC", byGrpc],
] as const)(
  "by %s the noisy one is told when to come again, the quiet one is served, and what was acknowledged is delivered",
  async (_protocol, ingestOf) => {
    const { ingest, tracker } = clients();
    let isOver = false;
    const flooding = flood(ingestOf).finally(() => {
      isOver = true;
    });
    const quiet: string[] = [];
    let most = 0;
    while (!isOver) {
      const answer = await ingest.send({ tenant: "quiet", recipients, channels, content: { title: "Small" } });
      quiet.push(answer.notificationId);
      expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
      expect((await tracker.getNotification({ notificationId: answer.notificationId })).notification?.tenant).toBe("quiet");
      most = Math.max(most, await heldBytes());
    }
    const { taken, refused } = await flooding;
    expect(quiet.length).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(MEMORY_MIB * 1_024 * 1_024);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.ResourceExhausted, "OVERLOADED"]);
      const { seconds = 0n } = error.findDetails(RetryInfoSchema)[0]?.retryDelay ?? {};
      expect(seconds >= 1n && seconds < 5n).toBe(true);
    }
    expect(taken.length).toBeGreaterThan(0);
    for (const notificationId of [...taken, ...quiet])
      await expect
        .poll(async () => (await tracker.getNotification({ notificationId })).notification?.status, { timeout: 60_000 })
        .toBe(NotificationStatus.SENT);
    await expect.poll(heldBytes).toBe(0);
  },
);

it("by REST the answer is 429 with Retry-After, and the same key is taken when there is room again", async () => {
  const body = { user_id: "ann", event_type: "post.liked", content: "x", metadata: { filling: "x".repeat(900_000) } };
  const send = (_: unknown, index: number) => post(`${world.url}/api/v1/notifications`, body, { "idempotency-key": `rest-${index}` });
  const answers = await Promise.all(Array.from({ length: 40 }, send));
  const refused = answers.findIndex(({ status }) => status === 429);
  expect(answers[refused]?.body.error).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "OVERLOADED" });
  expect(Number(answers[refused]?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  const again = await post(`${world.url}/api/v1/notifications`, { ...body, metadata: {} }, { "idempotency-key": `rest-${refused}` });
  expect(again.status).toBe(202);
});
