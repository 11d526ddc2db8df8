import { Code, createClient } from "@connectrpc/connect";
import { expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { clientOf, type Doors, failure, started, transports, valid } from "./server.fixture.ts";

const health = (doors: Doors) => createClient(Health, transports.gRPC(doors));

it("says whether the process is ready, as a whole and for each service", async () => {
  let ok = true;
  const at = await started({}, { ready: () => ({ ok, why: [] }) });
  const client = health(at);
  expect(await client.check({})).toMatchObject({ status: Status.SERVING });
  expect(await client.check({ service: IngestService.typeName })).toMatchObject({ status: Status.SERVING });
  ok = false;
  expect(await client.check({})).toMatchObject({ status: Status.NOT_SERVING });
  expect((await client.list({})).statuses[IngestService.typeName]).toMatchObject({ status: Status.NOT_SERVING });
  expect((await failure(client.check({ service: "carillon.Nothing" }))).code).toBe(Code.NotFound);
});

it("tells a watcher of every change, and of nothing else", async () => {
  let ok = true;
  const clock = fakeClock();
  const at = await started({}, { ready: () => ({ ok, why: [] }), clock });
  const told: Status[] = [];
  const leaving = new AbortController();
  const watching = (async () => {
    for await (const { status } of health(at).watch({}, { signal: leaving.signal })) told.push(status);
  })().catch(() => {});
  await vi.waitFor(() => expect(told).toEqual([Status.SERVING]));
  await clock.advance(3_000);
  ok = false;
  await clock.advance(1_000);
  await vi.waitFor(() => expect(told).toEqual([Status.SERVING, Status.NOT_SERVING]));
  leaving.abort();
  await watching;
});

it("takes 256 watchers of one address, and the next when one of them has gone", async () => {
  const clock = fakeClock();
  const at = await started({}, { clock, trustProxy: true });
  const client = createClient(Health, transports["Connect in binary"](at));
  const watch = (address: string) => {
    const leaving = new AbortController();
    const options = { signal: leaving.signal, headers: { "x-forwarded-for": address } };
    const messages = client.watch({}, options)[Symbol.asyncIterator]();
    return { first: messages.next(), leave: () => leaving.abort(), end: () => messages.next().catch(() => {}) };
  };
  const watchers = Array.from({ length: 256 }, () => watch("203.0.113.1"));
  await Promise.all(watchers.map(({ first }) => first));
  const refused = await failure(watch("203.0.113.1").first);
  expect([refused.code, refused.rawMessage]).toEqual([Code.ResourceExhausted, expect.stringContaining("Ask with Check")]);
  await watch("203.0.113.2").first;
  // One look serves all of them.
  expect(clock.sleepers()).toBe(1);
  const [one] = watchers;
  one?.leave();
  await one?.end();
  await vi.waitFor(async () => expect((await watch("203.0.113.1").first).value).toMatchObject({ status: Status.SERVING }));
});

it("needs no credential, and is answered while the process drains", async () => {
  let draining = false;
  const at = await started(
    {},
    {
      ready: () => ({ ok: !draining, why: [] }),
      authenticate: () => {
        throw new Problem("UNAUTHENTICATED");
      },
    },
  );
  const client = health(at);
  expect(await client.check({})).toMatchObject({ status: Status.SERVING });
  expect((await failure(clientOf("gRPC", at).send(valid))).code).toBe(Code.Unauthenticated);
  draining = true;
  await at.server.drain(1_000);
  for (const protocol of ["gRPC", "Connect in JSON"] as const)
    expect(await createClient(Health, transports[protocol](at)).check({})).toMatchObject({ status: Status.NOT_SERVING });
});
