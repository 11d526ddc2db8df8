import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { IngestService, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { principalOf } from "./interceptors.ts";
import { createClients } from "./memory.ts";
import { problemFrom } from "./problems.ts";

const valid = { recipients: [{ userId: "ann" }], content: { title: "Hello" } };

function made(ingest: Partial<ServiceImpl<typeof IngestService>>, registered = { yet: true }) {
  const lines: Record<string, unknown>[] = [];
  const metrics = new Registry();
  const clients = createClients({
    rpc: () => (registered.yet ? [(router: ConnectRouter) => router.service(IngestService, ingest)] : []),
    logger: pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics,
    clock: systemClock,
  });
  return { client: clients(IngestService, "staging"), clients, lines, metrics };
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error: unknown) => error as ConnectError,
  );

describe("a call in memory", () => {
  it("is the caller's module acting for an environment, whatever its headers say", async () => {
    const { clients } = made({
      send: (_, context) => ({ notificationId: JSON.stringify(principalOf(context)) + context.requestHeader.get("traceparent") }),
    });
    const answer = await clients(IngestService, "staging").send(valid, { headers: { traceparent: "00-1", authorization: "Bearer other" } });
    expect(answer.notificationId).toBe('{"environment":"staging","internal":true,"scopes":[]}00-1');
    expect((await clients(IngestService, "production").send(valid)).notificationId).toContain("production");
  });

  it("finds modules that are built after the client was made", async () => {
    const registered = { yet: false };
    const { client } = made({ send: () => ({ notificationId: "1" }) }, registered);
    expect((await failure(client.send(valid))).code).toBe(Code.Unimplemented);
    registered.yet = true;
    expect((await client.send(valid)).notificationId).toBe("1");
  });

  it("keeps the contract's rules", async () => {
    const problem = problemFrom(await failure(made({ send: () => ({}) }).client.send({ content: { title: "x" } })));
    expect([problem.reason, problem.violations]).toEqual([
      "INVALID_REQUEST",
      [{ field: "recipients", description: "must have at least 1 item" }],
    ]);
  });

  it("brings a Problem back as it was thrown", async () => {
    const thrown = new Problem("LOG_UNAVAILABLE", {
      message: "Not now.",
      retryAfterMs: 250,
      violations: [{ field: "a", description: "b" }],
    });
    const { client } = made({
      send() {
        throw thrown;
      },
    });
    expect(problemFrom(await failure(client.send(valid)))).toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: "Not now.",
      retryAfterMs: 250,
      violations: [{ field: "a", description: "b" }],
    });
  });

  it("masks the unknown, once, also through a second module", async () => {
    const { clients, lines } = made({
      send: (request, context) =>
        clients(IngestService, principalOf(context).environment).getAccepted({ notificationId: request.idempotencyKey }) as never,
      getAccepted() {
        throw new Error("inner secret");
      },
    });
    const problem = problemFrom(
      await failure(clients(IngestService, "x").send({ ...valid, idempotencyKey: "3b241101-e2bb-4255-8caf-4136c566a962" })),
    );
    expect(problem.reason).toBe("INTERNAL");
    expect(problem.message).not.toContain("inner secret");
    expect(lines.filter((line) => line.msg === "internal error")).toHaveLength(1);
  });

  it("ends at its deadline, and when its caller gives up", async () => {
    const { client } = made({ send: () => new Promise(() => {}) });
    expect(problemFrom(await failure(client.send(valid, { timeoutMs: 20 }))).reason).toBe("DEADLINE_EXCEEDED");
    const leaving = new AbortController();
    const call = failure(client.send(valid, { signal: leaving.signal }));
    leaving.abort();
    expect((await call).code).toBe(Code.Canceled);
  });

  it("has ten seconds when it asks for none", async () => {
    const left = vi.fn();
    const { client } = made({
      send(_, context) {
        left(context.timeoutMs());
        return {};
      },
    });
    await client.send(valid);
    expect(left.mock.calls[0]?.[0]).toBeGreaterThan(9_000);
  });

  it("hands a ready message over as it is, and counts apart from HTTP", async () => {
    const message = create(SendRequestSchema, valid);
    let same = false;
    const { client, metrics } = made({
      send(request) {
        same = request === message;
        return {};
      },
    });
    await client.send(message);
    expect(same).toBe(true);
    expect(await metrics.metrics()).toContain('door="memory"');
  });
});

describe("a router", () => {
  it("may not bring options, which would replace the interceptors", async () => {
    const clients = createClients({
      rpc: () => [(router: ConnectRouter) => router.service(IngestService, {}, { readMaxBytes: 1 })],
      ...{ logger: pino({ level: "silent" }), metrics: new Registry(), clock: systemClock },
    });
    await expect(clients(IngestService, "x").send(valid)).rejects.toThrow("take no options");
  });
});

describe("problemFrom", () => {
  it("understands what Connect answers by itself, and takes anything else as internal", () => {
    expect(problemFrom(new ConnectError("late", Code.DeadlineExceeded)).reason).toBe("DEADLINE_EXCEEDED");
    expect(problemFrom(new ConnectError("bad", Code.InvalidArgument))).toMatchObject({ reason: "INVALID_REQUEST", message: "bad" });
    expect(problemFrom(new ConnectError("?", Code.DataLoss)).reason).toBe("INTERNAL");
    expect(problemFrom(new Error("?")).reason).toBe("INTERNAL");
    const problem = new Problem("NOT_FOUND");
    expect(problemFrom(problem)).toBe(problem);
  });
});
