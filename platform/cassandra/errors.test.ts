import { createServer, type Socket } from "node:net";
import { errors, types } from "cassandra-driver";
import pino from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { Problem } from "#domain/errors.ts";
import { systemClock } from "#platform/clock.ts";
import { isTooOld } from "./connect.ts";
import { cassandraProblem } from "./errors.ts";
import { openCassandra } from "./open.ts";
import { Turns } from "./turns.ts";

const STARTUP = 0x01;
const AUTHENTICATE = 0x03;
const AUTH_RESPONSE = 0x0f;
const ERROR = 0x00;
const HEADER = 9;

/** A server that asks everybody for a password and takes none. */
async function doorkeeper(): Promise<string> {
  const text = (words: string) => Buffer.concat([Buffer.from([words.length >> 8, words.length & 0xff]), Buffer.from(words)]);
  const answers: Readonly<Record<number, readonly [opcode: number, body: Buffer]>> = {
    [STARTUP]: [AUTHENTICATE, text("org.apache.cassandra.auth.PasswordAuthenticator")],
    [AUTH_RESPONSE]: [ERROR, Buffer.concat([Buffer.from([0, 0, 1, 0]), text("Provided username and/or password are incorrect")])],
  };
  const serve = (socket: Socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (frame) => {
      const [opcode, body] = answers[frame[4] as number] ?? [ERROR, Buffer.concat([Buffer.from([0, 0, 0, 0]), text("no")])];
      const header = Buffer.from([(frame[0] as number) | 0x80, 0, frame[2] as number, frame[3] as number, opcode, 0, 0, 0, 0]);
      header.writeUInt32BE(body.length, HEADER - 4);
      socket.write(Buffer.concat([header, body]));
    });
  };
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const open = (more: { contactPoints: string[]; credentials?: { username: string; password: string } }) =>
  openCassandra({ localDataCenter: "dc1", keyspace: "carillon", clock: systemClock, logger: pino({ level: "silent" }), ...more });

describe("Cassandra's errors", () => {
  it("says of wrong credentials that they are wrong, without the password", async () => {
    const at = await doorkeeper();
    const said = await open({ contactPoints: [at], credentials: { username: "ann", password: "sesame" } }).catch(String);
    expect(said).toBe(`CassandraRefusal: Cassandra at ${at} does not let the user "ann" in. Check the user and the password.`);
  });

  it("says that credentials are asked for, where there are none", async () => {
    const at = await doorkeeper();
    await expect(open({ contactPoints: [at] })).rejects.toThrow(`Cassandra at ${at} asks for a user and a password. Configure them.`);
  });

  it.each(["http://cassandra", "cassandra:port", "user@host", ""])("takes no contact point like %j", async (contactPoint) => {
    await expect(open({ contactPoints: [contactPoint] })).rejects.toThrow("must be hosts like cassandra-1 or 10.0.0.1:9042");
  });

  it.each([
    ["5.0.5", false],
    ["4.0", false],
    ["3.11.19", true],
    ["2.2.0", true],
    [undefined, false],
  ])("takes version %s for too old: %s", (version, expected) => {
    expect(isTooOld(version)).toBe(expected);
  });

  it.each([
    new errors.NoHostAvailableError({ "10.0.0.1:9042": "Host considered as DOWN", "10.0.0.2:9042": null }),
    new errors.OperationTimedOutError("no reply"),
    new errors.BusyConnectionError("10.0.0.1", 2_048, 1),
    new errors.ResponseError(types.responseErrorCodes.writeTimeout, "timed out"),
    Object.assign(new Error("gone"), { isSocketError: true }),
  ])("is UNAVAILABLE where the cluster does not answer: %s", (error) => {
    expect(cassandraProblem(error)).toMatchObject({ reason: "STORE_UNAVAILABLE", retryAfterMs: 1_000 });
  });

  it("keeps to itself what was bound to a statement that could not be sent", () => {
    const told = cassandraProblem(new TypeError("Not a valid text value, obtained ann@example.test"));
    expect(told).not.toBeInstanceOf(Problem);
    expect(`${told.message} ${told.cause} ${told.stack}`).not.toContain("ann@");
  });
});

describe("turns", () => {
  const bounds = { atOnce: 2, mostWaiting: 2, deadlineMs: 60_000 };

  it("lets so many go at once, in the order they came", async () => {
    const turns = new Turns(bounds);
    const began: number[] = [];
    const ends: (() => void)[] = [];
    const run = (n: number) =>
      turns.run(() => {
        began.push(n);
        return new Promise<void>((resolve) => ends.push(resolve));
      });
    const all = [run(1), run(2), run(3), run(4)];
    expect([began, turns.counts]).toEqual([[1, 2], { busy: 2, waiting: 2 }]);
    await expect(run(5)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    ends[1]?.();
    await all[1];
    await expect.poll(() => began).toEqual([1, 2, 3]);
    ends[0]?.();
    await expect.poll(() => began).toEqual([1, 2, 3, 4]);
    for (const end of ends) end();
    await Promise.all(all);
    expect(turns.counts).toEqual({ busy: 0, waiting: 0 });
  });

  it("gives up what has passed its deadline, under way or waiting, and keeps the place of what is under way", async () => {
    const turns = new Turns({ ...bounds, atOnce: 1, deadlineMs: 20 });
    let end = () => {};
    const first = turns.run(() => new Promise<void>((resolve) => (end = resolve)));
    const second = turns.run(() => expect.fail("had its turn"));
    await expect(first).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(second).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(turns.counts).toEqual({ busy: 1, waiting: 0 });
    end();
    await expect.poll(() => turns.counts).toEqual({ busy: 0, waiting: 0 });
  });
});
