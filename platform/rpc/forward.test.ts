import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { Code, type ConnectRouter, createClient, type ServiceImpl } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { systemClock as clock } from "#platform/clock.ts";
import { type Forwarding, forwarding } from "./forward.ts";
import { principalOf, traceOf } from "./interceptors.ts";
import { createClients } from "./memory.ts";
import { amongPeers, peerCredentials } from "./peers.ts";
import { problemFrom } from "./problems.ts";
import { failure, started, transports, valid } from "./server.fixture.ts";

const SECRET = "a secret that is long enough for it";
const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const nobody = () => {
  throw new Problem("UNAUTHENTICATED");
};

/** A process that serves these, and the way there from another one. */
async function apart({
  ingest = {},
  tracker = {},
}: {
  ingest?: Partial<ServiceImpl<typeof IngestService>>;
  tracker?: Partial<ServiceImpl<typeof TrackerService>>;
}) {
  const rpc = [(router: ConnectRouter) => router.service(IngestService, ingest).service(TrackerService, tracker)];
  const far = await started({}, { rpc, authenticate: amongPeers([SECRET], clock, nobody) });
  return { ...far, ...wayTo(far.url) };
}

function wayTo(url: string) {
  const forwarded: Forwarding = forwarding([IngestService, TrackerService], {
    urlOf: () => url,
    credentialOf: peerCredentials(SECRET, clock),
  });
  closing.push(forwarded.close);
  const clients = createClients({ rpc: () => [forwarded.rpc], logger: pino({ level: "silent" }), metrics: new Registry(), clock });
  return { forwarded, ingest: clients(IngestService, "staging"), tracker: clients(TrackerService, "staging") };
}

/** A server that ends every connection before it says a word. */
async function silent() {
  let met = 0;
  const server = createServer((socket) => {
    met++;
    socket.on("error", () => {});
    socket.once("data", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, met: () => met };
}

describe("a call to a module of another process", () => {
  it("is made by a module, in the caller's environment, with what matters of what they said", async () => {
    const { ingest } = await apart({
      ingest: {
        send: (_, context) => ({
          notificationId: JSON.stringify([
            principalOf(context),
            context.requestHeader.get("idempotency-key"),
            context.requestHeader.get("x-request-id"),
            context.requestHeader.get("cookie"),
            traceOf(context).traceparent?.slice(0, 35),
          ]),
        }),
      },
    });
    const headers = { "idempotency-key": "k-1", "x-request-id": "r-1", cookie: "own=1", traceparent: TRACE };
    const { notificationId } = await ingest.send(valid, { headers });
    expect(JSON.parse(notificationId)).toEqual([
      { environment: "staging", internal: true, scopes: [] },
      ...["k-1", "r-1", null],
      TRACE.slice(0, 35),
    ]);
  });

  it("brings a Problem back as it was thrown", async () => {
    const violations = [{ field: "recipients", description: "must be somebody" }];
    const { ingest } = await apart({
      ingest: {
        send: () => {
          throw new Problem("INVALID_REQUEST", { violations });
        },
        cancel: () => {
          throw new Problem("LOG_UNAVAILABLE", { retryAfterMs: 2_000 });
        },
      },
    });
    expect(problemFrom(await failure(ingest.send(valid)))).toMatchObject({ reason: "INVALID_REQUEST", violations });
    const cancel = ingest.cancel({ notificationId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9642" });
    expect(problemFrom(await failure(cancel))).toMatchObject({ reason: "LOG_UNAVAILABLE", retryAfterMs: 2_000 });
  });

  it("is served by the process's own door too, which anybody may call", async () => {
    const { forwarded } = await apart({ ingest: { send: (_, context) => ({ notificationId: principalOf(context).environment }) } });
    const near = await started({}, { rpc: [forwarded.rpc] });
    for (const protocol of ["Connect in JSON", "gRPC"] as const) {
      const { notificationId } = await createClient(IngestService, transports[protocol](near)).send(valid);
      expect(notificationId).toBe("development");
    }
  });

  it("streams", async () => {
    const { tracker } = await apart({
      tracker: {
        async *watchNotification({ notificationId }) {
          for (const atMs of [1n, 2n, 3n]) yield { update: { case: "heartbeat" as const, value: { atMs } } };
          throw new Problem("NOT_FOUND", { message: notificationId });
        },
      },
    });
    const seen: unknown[] = [];
    const notificationId = "01a1fd71-8461-72ae-95cc-ac4d6a7a9642";
    const watching = async () => {
      for await (const { update } of tracker.watchNotification({ notificationId })) seen.push(update.value);
    };
    expect(problemFrom(await failure(watching()))).toMatchObject({ reason: "NOT_FOUND", message: notificationId });
    expect(seen).toMatchObject([{ atMs: 1n }, { atMs: 2n }, { atMs: 3n }]);
  });

  it("is answered however many others watch", async () => {
    let watched = 0;
    const { ingest, tracker } = await apart({
      ingest: { send: () => ({ notificationId: "answered" }) },
      tracker: {
        async *watchNotification(_, { signal }) {
          watched++;
          yield { update: { case: "heartbeat" as const, value: { atMs: 1n } } };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    });
    const ended = new AbortController();
    const notificationId = "01a1fd71-8461-72ae-95cc-ac4d6a7a9642";
    const watchers = Array.from({ length: 70 }, async () => {
      for await (const _ of tracker.watchNotification({ notificationId }, { signal: ended.signal }));
    });
    await expect.poll(() => watched).toBe(70);
    expect(await ingest.send(valid)).toMatchObject({ notificationId: "answered" });
    ended.abort();
    await Promise.allSettled(watchers);
  });

  it("goes through TLS where the URL says so, to a host that the certificate names", async () => {
    const fake = (name: string) => join(import.meta.dirname, "../../test/fakes/tls", name);
    const [certFile, keyFile] = [fake("cert.pem"), fake("key.pem")];
    const trusted = getCACertificates("default");
    setDefaultCACertificates([...trusted, readFileSync(certFile, "utf8")]);
    closing.push(() => setDefaultCACertificates(trusted));
    const send = () => ({ notificationId: "answered" });
    const far = await started({ send }, { tls: { certFile, keyFile }, authenticate: amongPeers([SECRET], clock, nobody) });
    expect(await wayTo(`https://localhost:${far.port}`).ingest.send(valid)).toMatchObject({ notificationId: "answered" });
    const inVain = wayTo(`http://localhost:${far.port}`).ingest.send(valid);
    expect(problemFrom(await failure(inVain))).toMatchObject({ reason: "MODULE_UNAVAILABLE" });
  });

  it("keeps the caller's deadline", async () => {
    const { ingest } = await apart({ ingest: { send: () => new Promise(() => {}) } });
    expect((await failure(ingest.send(valid, { timeoutMs: 50 }))).code).toBe(Code.DeadlineExceeded);
  });

  it("says unavailable where nobody answers, and is not made twice unless it only reads", async () => {
    const { url, met } = await silent();
    const { ingest, tracker } = wayTo(url);
    expect(problemFrom(await failure(ingest.send(valid)))).toMatchObject({ reason: "MODULE_UNAVAILABLE", retryAfterMs: 1_000 });
    expect(met()).toBe(1);
    const read = tracker.getNotification({ notificationId: "01a1fd71-8461-72ae-95cc-ac4d6a7a9642" });
    expect(problemFrom(await failure(read))).toMatchObject({ reason: "MODULE_UNAVAILABLE" });
    expect(met()).toBe(3);
  });

  it("is refused where the two do not share their secret", async () => {
    const far = await started({}, { authenticate: amongPeers(["another secret that is long enough"], clock, nobody) });
    expect((await failure(wayTo(far.url).ingest.send(valid))).code).toBe(Code.Unauthenticated);
  });
});
