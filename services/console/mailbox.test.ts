import { createTransport, type SendMailOptions } from "nodemailer";
import pino from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConfigProblem } from "#platform/config/config.ts";
import { type Box, openBox } from "./box.ts";
import { type Mailbox, openMailbox } from "./mailbox.ts";

const logger = pino({ level: "silent" });
let mailbox: Mailbox;
let box: Box;
beforeEach(async () => {
  box = openBox();
  mailbox = await openMailbox({ port: 0, box, logger });
});
afterEach(() => mailbox.close());

async function send(options: SendMailOptions): Promise<void> {
  const transport = createTransport({ host: "127.0.0.1", port: mailbox.port() });
  await transport.sendMail({ from: "Carillon <hello@example.test>", to: "ann@example.test", ...options });
  transport.close();
}

it("keeps what SMTP brought, newest first, with headers decoded", async () => {
  await send({ subject: "First", text: "one" });
  await send({ subject: "Grüße ✓", text: "Straße", html: "<p>Straße</p>", headers: { "X-Carillon-Notification": "n-1" } });
  const [newest, oldest] = await box.messages();
  expect(oldest).toMatchObject({ subject: "First", text: "one\n", html: "" });
  expect(newest).toMatchObject({ from: "Carillon <hello@example.test>", to: ["ann@example.test"], subject: "Grüße ✓" });
  expect(newest?.text).toContain("Straße");
  expect(newest?.html).toContain("<p>Straße</p>");
  expect(newest?.headers).toMatchObject({ subject: "Grüße ✓", "x-carillon-notification": "n-1" });
  expect(await box.message(newest?.id as string)).toEqual(newest);
});

it("shows the envelope's recipients, who really get it, and finds them by their whole address in any case", async () => {
  await send({ subject: "Hidden", to: "ann@example.test", bcc: "Bo@example.test" });
  await send({ subject: "Other", to: "xbo@example.test" });
  const found = await box.messages({ to: "bo@EXAMPLE.test" });
  expect(found.map(({ subject, to }) => [subject, to])).toEqual([["Hidden", ["ann@example.test", "Bo@example.test"]]]);
});

it("forgets the oldest over a thousand mails", async () => {
  const transport = createTransport({ host: "127.0.0.1", port: mailbox.port(), pool: true });
  for (let at = 0; at <= 1_000; at++)
    await transport.sendMail({ from: "a@example.test", to: "b@example.test", subject: `Number ${at}`, text: "x" });
  transport.close();
  const subjects = (await box.messages()).map(({ subject }) => subject);
  expect([subjects.length, subjects[0], subjects.at(-1)]).toEqual([1_000, "Number 1000", "Number 1"]);
});

it("refuses a mail over 2 MiB and goes on", async () => {
  await expect(send({ subject: "Large", text: "x".repeat(3 * 1024 * 1024) })).rejects.toMatchObject({ responseCode: 552 });
  await send({ subject: "Small", text: "x" });
  expect((await box.messages()).map(({ subject }) => subject)).toEqual(["Small"]);
});

it("has another version after each change, and none when emptied", async () => {
  const before = box.version();
  await send({ subject: "One", text: "x" });
  const after = box.version();
  expect(after).not.toBe(before);
  box.empty();
  expect(box.version()).not.toBe(after);
  expect(await box.messages()).toEqual([]);
});

it("shows what it cannot read as it came", async () => {
  const transport = createTransport({ host: "127.0.0.1", port: mailbox.port() });
  await transport.sendMail({ envelope: { from: "a@example.test", to: "b@example.test" }, raw: Buffer.from([0xff, 0xfe, 0x00, 0x41]) });
  transport.close();
  expect(await box.messages()).toMatchObject([{ from: "a@example.test", to: ["b@example.test"] }]);
});

it("says in one sentence that its port is taken", async () => {
  const second = openMailbox({ port: mailbox.port(), box, logger });
  await expect(second).rejects.toThrow(ConfigProblem);
  await expect(second).rejects.toThrow("Set CARILLON_SMTP_SINK_PORT");
});
