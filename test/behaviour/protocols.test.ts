/** Every protocol from outside, each by a client that others wrote: grpcurl, Python's gRPC, and Connect's own for browsers. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { grpcurl, MAKING_MS, noGo, noPython, type PythonClient, pythonClient } from "../world/languages.ts";
import { sharedWorld, startWorld, type World } from "../world/world.ts";

const root = new URL("../..", import.meta.url).pathname;
const run = promisify(execFile);
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let world: World;
beforeAll(async () => {
  world = await sharedWorld();
});
let waiting: World | undefined;
afterAll(async () => {
  await world.stop();
  await waiting?.stop();
});

/** Where mail is refused by nobody being there, so that a delivery waits; and where two may watch. */
async function waitingWorld(): Promise<World> {
  waiting ??= await startWorld({
    env: { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: "1", CARILLON_WATCH_LIMIT: "2" },
  });
  await waiting.heal();
  return waiting;
}

describe.skipIf(noGo)(noGo ?? "grpcurl", () => {
  let program: string;
  let folder: string;
  let protoset: string;
  beforeAll(async () => {
    program = await grpcurl();
    folder = mkdtempSync(join(tmpdir(), "carillon-protoset-"));
    protoset = join(folder, "carillon.protoset");
    await run("npm", ["run", "--silent", "protoset", "--", protoset], { cwd: root });
  }, MAKING_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const call = async (method: string, message: unknown, more: readonly string[] = []) => {
    const args = ["-plaintext", "-protoset", protoset, ...more, "-d", JSON.stringify(message), world.grpcAddress, method];
    const { stdout, stderr, code } = await run(program, args).then(
      ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
      (error) => error as { stdout: string; stderr: string; code: number },
    );
    return { stdout, stderr, code };
  };
  const send = "carillon.ingest.v1.IngestService/Send";

  it("sends, and watches until the notification has been sent", async () => {
    const sent = await call(send, {
      recipients: [{ userId: "ann" }],
      channels: ["CHANNEL_EMAIL", "CHANNEL_WEB"],
      content: { title: "By grpcurl" },
    });
    expect(sent.code, sent.stderr).toBe(0);
    const { notificationId } = JSON.parse(sent.stdout) as { notificationId: string };
    expect(notificationId).toMatch(uuid);
    const watched = await call("carillon.tracker.v1.TrackerService/WatchNotification", { notificationId });
    expect(watched.code, watched.stderr).toBe(0);
    const messages = JSON.parse(`[${watched.stdout.trim().replaceAll(/^\}\n\{$/gm, "},{")}]`) as Record<string, unknown>[];
    expect(messages[0]).toHaveProperty("notification.notificationId", notificationId);
    expect(messages.at(-1)).toHaveProperty("status", "NOTIFICATION_STATUS_SENT");
  });

  it("is told which field is wrong", async () => {
    const { code, stderr } = await call(send, { recipients: [{ email: "nobody" }], content: { title: "x" } });
    expect(code).toBe(64 + Code.InvalidArgument);
    for (const part of ["Code: InvalidArgument", "INVALID_REQUEST", "recipients[0].email"]) expect(stderr).toContain(part);
  });

  it("needs no descriptor set: the services tell what they are, and how they are", async () => {
    const { stdout: services } = await run(program, ["-plaintext", world.grpcAddress, "list"]);
    expect(services.split("\n")).toEqual(expect.arrayContaining(["carillon.ingest.v1.IngestService", "grpc.health.v1.Health"]));
    const { stdout: described } = await run(program, ["-plaintext", world.grpcAddress, "describe", "carillon.ingest.v1.SendRequest"]);
    expect(described).toContain("repeated .carillon.ingest.v1.Recipient recipients = 1");
    const { stdout: health } = await run(program, ["-plaintext", world.grpcAddress, "grpc.health.v1.Health/Check"]);
    expect(JSON.parse(health)).toEqual({ status: "SERVING" });
  });

  it("is refused when it names another host", async () => {
    const foreign = await call(send, {}, ["-authority", "evil.example"]);
    expect([foreign.code, foreign.stderr.includes("FORBIDDEN_HOST")]).toEqual([64 + Code.PermissionDenied, true]);
  });

  it("is cut off at its deadline while it watches", async () => {
    const waiting = await waitingWorld();
    const { notificationId } = await clientsOf(waiting.url).ingest.send({
      recipients: [{ email: "ann@example.test" }],
      channels: [Channel.EMAIL],
      content: { title: "Waits" },
    });
    const args = ["-plaintext", "-protoset", protoset, "-max-time", "1", "-d", JSON.stringify({ notificationId })];
    const watched = await run(program, [...args, waiting.grpcAddress, "carillon.tracker.v1.TrackerService/WatchNotification"]).catch(
      (error) => error as { code: number; stdout: string },
    );
    expect(watched).toMatchObject({ code: 64 + Code.DeadlineExceeded });
    expect(watched.stdout).toContain("NOTIFICATION_STATUS_PROCESSING");
  });
});

describe.skipIf(noPython)(noPython ?? "a generated Python client", () => {
  let client: PythonClient;
  beforeAll(async () => {
    client = await pythonClient();
  }, MAKING_MS);
  afterAll(() => rmSync(client.generated, { recursive: true, force: true }));

  const python = (address: string, command: string) =>
    run(client.python, [join(root, "test/behaviour/client.py"), address, client.generated, command]).then(({ stdout }) => linesOf(stdout));
  const linesOf = (stdout: string) =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("sends, gzipped", async () => {
    const [sent] = await python(world.grpcAddress, "send");
    expect(sent).toEqual({ id: expect.stringMatching(uuid), requestId: expect.stringMatching(uuid) });
    const { notification } = await clientsOf(world.url).tracker.getNotification({ notificationId: sent?.id as string });
    expect(notification?.content?.title).toBe("From Python");
  });

  it("watches until the notification has been sent", async () => {
    const messages = await python(world.grpcAddress, "watch");
    expect(messages[0]?.update).toBe("notification");
    expect(messages.at(-2)?.status).toBe("NOTIFICATION_STATUS_SENT");
    expect(messages.at(-1)).toEqual({ ended: true });
  });

  it("reads code, reason and fields of a refusal", async () => {
    const invalid = { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST", retryMs: null };
    expect(await python(world.grpcAddress, "refused")).toEqual([
      { ...invalid, fields: ["recipients"] },
      { ...invalid, fields: ["recipients[0].email"] },
      { code: "NOT_FOUND", reason: "NOT_FOUND", fields: [], retryMs: null },
    ]);
  });

  it("hears of a body over 4 MiB, and sends a thousand at once", async () => {
    const [tooLarge, batch] = await python(world.grpcAddress, "large");
    expect(tooLarge).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "BODY_TOO_LARGE" });
    expect(batch).toEqual({ accepted: 1_000 });
  });

  it("that watches while the process goes is told to come again", async () => {
    const waiting = await waitingWorld();
    let heard = "";
    const child = execFile(client.python, [join(root, "test/behaviour/client.py"), waiting.grpcAddress, client.generated, "wait"]);
    child.stdout?.on("data", (chunk: string) => (heard += chunk));
    const ended = new Promise((resolve) => child.once("close", resolve));
    await expect.poll(() => heard, { timeout: 30_000 }).toContain("\n");
    await waiting.kill("ingest", "SIGTERM");
    await ended;
    expect(linesOf(heard).at(-1)).toEqual({ code: "UNAVAILABLE", reason: "DRAINING", fields: [], retryMs: 1_000 });
  });
});

const browserTransports = {
  "Connect in JSON": (baseUrl: string) => createConnectTransport({ baseUrl }),
  "Connect in binary": (baseUrl: string) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "gRPC-Web": (baseUrl: string) => createGrpcWebTransport({ baseUrl }),
};

describe.each(Object.entries(browserTransports))("connect-web over %s", (_protocol, transportTo) => {
  const clientsAt = (url: string) => ({
    ingest: createClient(IngestService, transportTo(url)),
    tracker: createClient(TrackerService, transportTo(url)),
  });

  it("sends, and watches until the notification has been sent", async () => {
    const { ingest, tracker } = clientsAt(world.url);
    const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "From a page" } });
    const heard = [];
    for await (const message of tracker.watchNotification({ notificationId })) heard.push(message);
    expect(heard[0]?.update.case).toBe("notification");
    expect(heard.at(-1)?.status).toBe(NotificationStatus.SENT);
    const changes = heard.flatMap(({ update }) => (update.case === "delivery" ? [update.value.status] : []));
    const { notification } = await tracker.getNotification({ notificationId });
    if (changes.length > 0) expect(changes.at(-1)).toBe(DeliveryStatus.SENT);
    expect(notification?.status).toBe(NotificationStatus.SENT);
  });

  it("reads reason and fields of a refusal", async () => {
    const error = await clientsAt(world.url)
      .ingest.send({ recipients: [{ email: "nobody" }], content: { title: "x" } })
      .catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).toBe("INVALID_REQUEST");
    expect((error as ConnectError).findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("recipients[0].email");
  });

  it("that watches hears every change of a delivery that waits, and is told to come again when the process goes", async () => {
    const waiting = await waitingWorld();
    const { ingest, tracker } = clientsAt(waiting.url);
    const { notificationId } = await ingest.send({
      recipients: [{ email: "ann@example.test" }],
      channels: [Channel.EMAIL],
      content: { title: "Waits" },
    });
    const statuses: (DeliveryStatus | undefined)[] = [];
    const ended = (async () => {
      for await (const { update } of tracker.watchNotification({ notificationId }))
        statuses.push(
          update.case === "notification" ? update.value.deliveries[0]?.status : update.case === "delivery" ? update.value.status : 0,
        );
    })().catch(ConnectError.from);
    await expect.poll(() => statuses, { timeout: 20_000 }).toContain(DeliveryStatus.DEFERRED);
    await waiting.kill("ingest", "SIGTERM");
    const error = (await ended) as ConnectError;
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.Unavailable, "DRAINING"]);
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
  });

  it("gives its place up when it stops to watch", async () => {
    const { ingest, tracker } = clientsAt((await waitingWorld()).url);
    const { notificationId } = await ingest.send({
      recipients: [{ email: "ann@example.test" }],
      channels: [Channel.EMAIL],
      content: { title: "Waits" },
    });
    const watch = async (signal: AbortSignal) => {
      const first = await tracker.watchNotification({ notificationId }, { signal })[Symbol.asyncIterator]().next();
      return first.done ? undefined : first.value.update.case;
    };
    const [leaving, staying] = [new AbortController(), new AbortController()];
    // Who watched before, in another test, may have only just gone.
    for (const { signal } of [leaving, staying]) await expect.poll(() => watch(signal).catch(() => "full")).toBe("notification");
    const full = (await watch(staying.signal).catch(ConnectError.from)) as ConnectError;
    expect([full.code, full.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.ResourceExhausted, "TOO_MANY_WATCHERS"]);
    leaving.abort();
    await expect.poll(() => watch(staying.signal).catch(() => "full")).toBe("notification");
    staying.abort();
  });
});
