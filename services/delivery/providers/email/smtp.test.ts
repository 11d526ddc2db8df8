import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeClock } from "../../../../test/fakes/clock.ts";
import { openServer } from "../../../../test/fakes/smtp.ts";
import { openWire, type Saying, type Step, type Wire } from "../../../../test/fakes/smtp.wire.ts";
import type { Mail, Sender } from "../../sender.ts";
import { smtpSender } from "./smtp.ts";

const mail = (to = "ann@example.test", text = "It happened."): Mail => ({
  ...{ from: { name: "Carillon", address: "hello@carillon.localhost" }, to, subject: "Title", text },
  ...{ messageId: "<d-1@carillon.localhost>", headers: { "X-Carillon-Delivery": "d-1" }, date: new Date(0) },
});
const patient = () => new AbortController().signal;
const before = ["greeting", "EHLO", "MAIL", "RCPT", "DATA"] as const;

let clock: ReturnType<typeof fakeClock>;
let wire: Wire;
let sender: Sender;
const senders: Sender[] = [];
const open = (port: number, more: Partial<Parameters<typeof smtpSender>[0]> = {}) => {
  const opened = smtpSender({ id: "smtp", host: "127.0.0.1", port, tls: "off", connections: 5, clock, ...more });
  senders.push(opened);
  return opened;
};
beforeEach(async () => {
  clock = fakeClock();
  wire = await openWire();
  sender = open(wire.port);
});
afterEach(async () => {
  for (const each of senders.splice(0)) await each.close();
  await wire.close();
});

/** Says something once, at one step, whichever connection comes to it. */
const once = (where: Step, saying: Saying) => {
  let said = false;
  wire.say = (step) => {
    if (step !== where || said) return undefined;
    said = true;
    return saying;
  };
};
const reached = (step: Step) => vi.waitFor(() => expect(wire.steps).toContain(step), 5_000);

describe("a mail over SMTP", () => {
  it("is accepted, with the server's words and its id, and was handed over", async () => {
    const handedOver = vi.fn();
    const outcome = await sender.send(mail(), patient(), handedOver);
    expect(outcome).toEqual({ is: "accepted", providerMessageId: "W1RE", detail: "250 2.0.0 Ok: queued as W1RE" });
    expect(handedOver).toHaveBeenCalledTimes(1);
    expect(wire.messages[0]).toMatch(/^Message-ID: <d-1@carillon.localhost>\r?$/m);
    expect(wire.messages[0]).toMatch(/^X-Carillon-Delivery: d-1\r?$/m);
  });

  it("is handed over before the server answers, however long that takes", async () => {
    let answer = (_: Saying) => {};
    wire.say = (step) => (step === "dot" ? new Promise<Saying>((resolve) => (answer = resolve)) : undefined);
    const handedOver = vi.fn();
    const outcome = sender.send(mail(), patient(), handedOver);
    await reached("dot");
    expect(handedOver).toHaveBeenCalledTimes(1);
    answer(undefined);
    expect((await outcome).is).toBe("accepted");
  });

  it.each(before)("that hangs at %s is an outage when it is called off, and nothing was handed over", async (step) => {
    once(step, "hang");
    const handedOver = vi.fn();
    const over = new AbortController();
    const outcome = sender.send(mail(), over.signal, handedOver);
    await reached(step);
    over.abort();
    expect(await outcome).toMatchObject({ is: "outage", code: "EABORT" });
    expect(handedOver).not.toHaveBeenCalled();
    expect(wire.messages).toEqual([]);
  });

  it("of which the server does not read all is not handed over", async () => {
    wire.say = (step) => (step === "body" ? new Promise(() => {}) : undefined);
    const handedOver = vi.fn();
    const over = new AbortController();
    // More than the system keeps for a reader who does not read.
    const outcome = sender.send(mail("ann@example.test", "All work and no play.\n".repeat(400_000)), over.signal, handedOver);
    await reached("body");
    over.abort();
    expect((await outcome).is).toBe("outage");
    expect(handedOver).not.toHaveBeenCalled();
  });

  it("that hangs after the dot is unknown when it is called off", async () => {
    once("dot", "hang");
    const over = new AbortController();
    const outcome = sender.send(mail(), over.signal, () => {});
    await reached("dot");
    over.abort();
    expect(await outcome).toMatchObject({ is: "unknown", code: "EABORT" });
  });

  it.each(before)("whose connection is lost at %s is an outage", async (step) => {
    once(step, "drop");
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("outage");
    expect(wire.messages).toEqual([]);
  });

  it("whose connection is lost after the dot is unknown", async () => {
    once("dot", "drop");
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("unknown");
  });

  it("that the server answers with something other than a reply is unknown after the dot", async () => {
    once("dot", "What is this?");
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("unknown");
  });

  it.each(["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"] as const)("421 at %s is an outage", async (step) => {
    once(step, "421 4.3.2 Closing");
    expect(await sender.send(mail(), patient(), () => {})).toMatchObject({ is: "outage", code: "421 4.3.2" });
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("accepted");
  });

  it.each(["MAIL", "RCPT", "DATA", "dot"] as const)("at %s: a refusal for now, for good, and of everybody", async (step) => {
    for (const [reply, is] of [
      ["450 4.2.1 Mailbox receives too fast", "retry"],
      ["451 4.7.1 Greylisted", "retry"],
      ["451 4.7.500 Server busy", "outage"],
      ["450 4.7.28 Rate limited", "outage"],
      ["451 4.3.0 Queue file write error", "outage"],
      ["452 4.3.1 Out of storage", "outage"],
      ["452 Out of storage", "outage"],
      ["550 5.7.1 No", "rejected"],
    ] as const) {
      once(step, reply);
      expect(await sender.send(mail(), patient(), () => {}), reply).toMatchObject({ is, detail: reply });
    }
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("accepted");
    expect(wire.connections).toBe(1);
  });

  it("that is refused in the middle is not followed by another over the same connection", async () => {
    wire.say = (step) => (step === "body" ? "552 5.3.4 Too large" : undefined);
    const over = new AbortController();
    const outcome = sender.send(mail("ann@example.test", "All work and no play.\n".repeat(400_000)), over.signal, () => {});
    expect(await outcome).toMatchObject({ is: "rejected", detail: "552 5.3.4 Too large" });
    wire.say = () => undefined;
    expect((await sender.send(mail(), patient(), () => {})).is).toBe("accepted");
    expect(wire.connections).toBe(2);
  });
});

describe("connections", () => {
  const send = () => sender.send(mail(), patient(), () => {});

  it("are used again, and are as many as mails at the same time", async () => {
    await Promise.all([send(), send(), send()]);
    await Promise.all([send(), send(), send()]);
    for (let count = 0; count < 5; count++) await send();
    expect(wire.connections).toBe(3);
  });

  it("that the server ended meanwhile cost no mail, not even when it only turns out at the next", async () => {
    await send();
    wire.drop();
    expect((await send()).is).toBe("accepted");
    wire.say = (step, nth) => (step === "MAIL" && nth === 2 ? "drop" : undefined);
    expect((await send()).is).toBe("accepted");
    expect(wire.connections).toBe(3);
    expect(wire.messages).toHaveLength(3);
  });

  it("tell of an outage at once when the server ended them and cannot be reached", async () => {
    await send();
    await wire.close();
    expect(await send()).toMatchObject({ is: "outage", code: "ECONNREFUSED" });
  });

  it("are left after a hundred mails, and after four minutes without one", async () => {
    for (let count = 0; count < 101; count++) await send();
    expect(wire.connections).toBe(2);
    expect(wire.steps.filter((step) => step === "QUIT")).toHaveLength(1);
    await clock.advance(230_000);
    expect(wire.steps.filter((step) => step === "QUIT")).toHaveLength(1);
    await clock.advance(40_000);
    await vi.waitFor(() => expect(wire.steps.filter((step) => step === "QUIT")).toHaveLength(2));
    expect((await send()).is).toBe("accepted");
  });

  it("end when the sender is closed, with what is under way open", async () => {
    wire.say = (step) => (step === "dot" ? "hang" : undefined);
    const outcome = send();
    await reached("dot");
    await sender.close();
    expect((await outcome).is).toBe("unknown");
    expect((await send()).is).toBe("outage");
  });

  it("log in where the server asks for it, once each", async () => {
    const server = await openServer({ auth: true });
    let logins = 0;
    server.login = () => {
      logins++;
      return undefined;
    };
    const known = open(server.port, { credentials: { username: "u", password: "p" } });
    for (let count = 0; count < 3; count++) expect((await known.send(mail(), patient(), () => {})).is).toBe("accepted");
    expect(logins).toBe(1);
    server.login = () => ({ code: 535, text: "5.7.8 Authentication failed" });
    const unknown = open(server.port, { credentials: { username: "u", password: "wrong" } });
    expect(await unknown.send(mail(), patient(), () => {})).toMatchObject({ is: "outage", code: "535 5.7.8" });
    await server.close();
  });
});
