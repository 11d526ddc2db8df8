import { createTransport, type SendMailOptions } from "nodemailer";
import pino from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { memoryBoxes } from "./box.memory.ts";
import type { Box } from "./box.ts";
import { type Mailbox, openMailbox } from "./mailbox.ts";

const logger = pino({ level: "silent" });
let mailbox: Mailbox;
let box: Box;
beforeEach(async () => {
  box = memoryBoxes(systemClock)("development");
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

it("refuses a mail over 2 MiB and goes on", async () => {
  await expect(send({ subject: "Large", text: "x".repeat(3 * 1024 * 1024) })).rejects.toMatchObject({ responseCode: 552 });
  await send({ subject: "Small", text: "x" });
  expect((await box.messages()).map(({ subject }) => subject)).toEqual(["Small"]);
});

it("refuses a mail that cannot be kept now as a server that is closing would, and takes the next", async () => {
  let isAway = true;
  const keep: Box["keep"] = (mail) => (isAway ? Promise.reject(new Problem("STORE_UNAVAILABLE")) : box.keep(mail));
  const failing = await openMailbox({ port: 0, box: { ...box, keep }, logger });
  const transport = createTransport({ host: "127.0.0.1", port: failing.port() });
  const mail = { from: "a@example.test", to: "b@example.test", subject: "Later", text: "x" };
  await expect(transport.sendMail(mail)).rejects.toMatchObject({ responseCode: 421 });
  isAway = false;
  await transport.sendMail(mail);
  expect((await box.messages()).map(({ subject }) => subject)).toEqual(["Later"]);
  transport.close();
  await failing.close();
});

it.each([
  ["rejected@simulator.test", 550],
  ["retry+1@simulator.test", 451],
  ["outage@simulator.test", 421],
])("answers %s as a provider might, and keeps nothing", async (to, responseCode) => {
  await expect(send({ to, subject: "Simulated", text: "x" })).rejects.toMatchObject({ responseCode });
  await send({ to: "hello@simulator.test", subject: "Anybody", text: "x" });
  expect((await box.messages()).map(({ subject }) => subject)).toEqual(["Anybody"]);
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
