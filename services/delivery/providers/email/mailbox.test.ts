import { expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import type { Mail } from "../../sender.ts";
import { mailboxSender, type Post } from "./mailbox.ts";

const mail = (to: string): Mail => ({
  ...{ from: { name: "Carillon", address: "hello@example.test" }, to, subject: "Grüße", text: "Hello", html: "<p>Hello</p>" },
  ...{ messageId: "<d-1@example.test>", headers: { "X-Carillon-Delivery": "d-1" }, date: new Date(0) },
});
const never = new AbortController().signal;

function box() {
  const kept: Post[] = [];
  return { kept, sender: mailboxSender(async (post) => void kept.push(post)) };
}

it("keeps a mail as it would have gone out", async () => {
  const { kept, sender } = box();
  expect(await sender.send(mail("ann@example.com"), never, () => {})).toMatchObject({
    is: "accepted",
    providerMessageId: "<d-1@example.test>",
  });
  expect(kept).toMatchObject([{ from: "hello@example.test", to: ["ann@example.com"] }]);
  const raw = kept[0]?.raw.toString() as string;
  expect(raw).toMatch(/^To: ann@example\.com\r$/m);
  expect(raw).toMatch(/^X-Carillon-Delivery: d-1\r$/m);
  expect(raw).toMatch(/multipart\/alternative/);
});

it.each([
  ["rejected@simulator.test", "rejected"],
  ["retry@simulator.test", "retry"],
  ["retry+1@simulator.test", "retry"],
  ["outage+twice@simulator.test", "outage"],
])("answers %s as a provider might, and keeps nothing", async (to, is) => {
  const { kept, sender } = box();
  expect((await sender.send(mail(to), never, () => {})).is).toBe(is);
  expect(kept).toEqual([]);
});

it.each(["rejected@example.test", "hello@simulator.test", "constructor@simulator.test", "rejected@simulator.test.example.com"])(
  "takes %s as anybody",
  async (to) => {
    const { kept, sender } = box();
    expect((await sender.send(mail(to), never, () => {})).is).toBe("accepted");
    expect(kept).toHaveLength(1);
  },
);

it("gives every try of a delivery the same id, and another delivery another", async () => {
  const { kept, sender } = box();
  await sender.send(mail("ann@example.com"), never, () => {});
  await sender.send(mail("ann@example.com"), never, () => {});
  await sender.send({ ...mail("ann@example.com"), messageId: "<d-2@example.test>" }, never, () => {});
  expect(new Set(kept.map(({ id }) => id)).size).toBe(2);
  expect(kept[0]?.id).toBe(kept[1]?.id);
});

it("is out while the mailbox cannot keep mails, which counts against no mail", async () => {
  const sender = mailboxSender(() => Promise.reject(new Problem("STORE_UNAVAILABLE")));
  expect(await sender.send(mail("ann@example.com"), never, () => {})).toMatchObject({ is: "outage", code: "STORE_UNAVAILABLE" });
});

it("answers at the deadline: unknown where the mail was under way, and nothing is handed over afterwards", async () => {
  const deadline = new AbortController();
  const handed: string[] = [];
  const sender = mailboxSender(({ id }) => {
    handed.push(id);
    deadline.abort();
    return new Promise(() => {});
  });
  expect(await sender.send(mail("ann@example.com"), deadline.signal, () => {})).toMatchObject({ is: "unknown", code: "EABORT" });
  expect(await sender.send(mail("ann@example.com"), deadline.signal, () => {})).toMatchObject({ is: "outage", code: "EABORT" });
  expect(handed).toHaveLength(1);
});
