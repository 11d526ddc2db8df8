/** The way of a notification, from the outside: the three facades, Connect in JSON and binary, the mailbox, the inbox, Explain. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus, NotificationStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf, getJson, post } from "../world/clients.ts";
import { sharedWorld, type World } from "../world/world.ts";

let world: World;
beforeAll(async () => {
  world = await sharedWorld();
});
afterAll(() => world.stop());

const legacy = "/notification_service/api/notifications";
const payment = {
  type: "EMAIL",
  title: "Payment Confirmation",
  content: "<p>Your payment has been confirmed.</p>",
  userId: 123,
  recipient: "user@example.com",
  metadata: { orderId: "ORD-12345", amount: 99.99 },
};
interface Mail {
  subject: string;
  html: string;
  text: string;
  to: unknown;
  from: unknown;
  headers: unknown;
}
const mails = async () => ((await getJson(`${world.url}/dev/mail/messages`)).body as { messages: Mail[] }).messages;
const mailWith = (subject: string) =>
  expect
    .poll(async () => (await mails()).filter((mail) => mail.subject === subject).length, { timeout: 10_000 })
    .toBe(1)
    .then(async () => (await mails()).find((mail) => mail.subject === subject) as Mail);
const settled = async (notificationId: string) => {
  const { tracker } = clientsOf(world.url);
  await expect
    .poll(async () => (await tracker.getNotification({ notificationId })).notification?.status, { timeout: 10_000 })
    .not.toBe(NotificationStatus.PROCESSING);
  return (await tracker.getNotification({ notificationId })).notification;
};

describe("the REST facades", () => {
  it("the oldest answers as documented, and the mail arrives", async () => {
    const { status, body } = await post(`${world.legacyUrl}${legacy}`, payment);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...payment,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: "PROCESSING",
      createdAt: expect.closeTo(Date.now() / 1_000, -2),
      updatedAt: expect.closeTo(Date.now() / 1_000, -2),
    });
    const mail = await mailWith("Payment Confirmation");
    expect(mail.html).toContain("<p>Your payment has been confirmed.</p>");
    expect(mail.text).toContain("Your payment has been confirmed.");
    expect(JSON.stringify(mail.to)).toContain("user@example.com");
    await expect.poll(async () => (await getJson(`${world.url}${legacy}/${body.id}`)).body.status).toBe("SENT");
  });

  it("a read straight after the acknowledgement never says not found", async () => {
    for (let round = 0; round < 50; round++) {
      const { body } = await post(`${world.url}${legacy}`, { ...payment, title: `Read ${round}` });
      expect((await getJson(`${world.url}${legacy}/${body.id}`)).status).toBe(200);
    }
  });

  it("a broadcast goes to the mailbox and the demo inbox", async () => {
    const { status, body } = await post(`${world.url}/notify`, { message: "Ring the bell" });
    expect(status).toBe(202);
    expect(body.notifications).toHaveLength(2);
    expect((await mailWith("Broadcast")).text).toContain("Ring the bell");
    const { inbox } = clientsOf(world.url);
    await expect
      .poll(async () => (await inbox.listMessages({ userId: "ann" })).messages.map((message) => message.body))
      .toContain("Ring the bell");
  });

  it("an event about an unknown person creates the person and uses what can reach them", async () => {
    const { status, body } = await post(`${world.url}/api/v1/notifications`, {
      user_id: "user-001",
      event_type: "security_alert",
      content: "Suspicious login attempt detected from a new device",
      metadata: { device: "Unknown iPhone", ip_address: "203.0.113.42", timestamp: 1712319780 },
    });
    expect(status).toBe(202);
    expect(body).toEqual({ id: expect.any(String), status: "queued", watch: `${world.url}/n/${body.id}` });
    const notification = await settled(body.id);
    expect(notification?.status).toBe(NotificationStatus.SENT);
    const { preferences, inbox, tracker } = clientsOf(world.url);
    expect((await preferences.getPerson({ userId: "user-001" })).person?.userId).toBe("user-001");
    expect((await inbox.listMessages({ userId: "user-001" })).messages).toHaveLength(1);
    const { steps } = await tracker.explain({ notificationId: body.id });
    expect(steps.find((step) => step.channel === Channel.EMAIL)?.reasons).toContain("no_email_address");
    expect((await fetch(body.watch)).status).toBe(200);
  });

  it.each([
    ["malformed JSON", "{", 400, "(none)"],
    ["an unknown field", { ...payment, recipeint: "x@example.com" }, 400, "recipeint"],
    ["a wrong type", { ...payment, content: 5 }, 400, "content"],
    ["an unknown channel", { ...payment, type: "EMIAL" }, 400, "type"],
    ["a missing recipient", { type: "EMAIL", title: "T", content: "C" }, 400, "recipient"],
    ["a bad address", { ...payment, recipient: "a@b, c@d" }, 400, "recipient"],
    ["a line break in the subject", { ...payment, title: "Hello\r\nBcc: all@example.com" }, 400, "title"],
    ["a line break in the address", { ...payment, recipient: "a@example.com\r\nRCPT TO:<b@example.com>" }, 400, "recipient"],
    ["2 MiB", { ...payment, content: "x".repeat(2 << 20) }, 413, "(none)"],
  ])("%s is refused, naming the field", async (_what, body, status, field) => {
    const answer = await post(`${world.url}${legacy}`, body);
    expect(answer.status).toBe(status);
    if (field !== "(none)") expect(answer.body.error.violations.map((each: { field: string }) => each.field)).toContain(field);
  });

  it("a near miss is told the right name", async () => {
    const { body } = await post(`${world.url}${legacy}`, { ...payment, recipeint: "x@example.com" });
    expect(JSON.stringify(body)).toContain('did you mean \\"recipient\\"?');
  });

  it("the same key answers the first, another request with it is refused", async () => {
    const key = { "idempotency-key": "order-1" };
    const first = await post(`${world.url}${legacy}`, { ...payment, title: "Once" }, key);
    const second = await post(`${world.url}${legacy}`, { ...payment, title: "Once" }, key);
    expect(second.body.id).toBe(first.body.id);
    expect((await post(`${world.url}${legacy}`, { ...payment, title: "Other" }, key)).status).toBe(422);
    await settled(first.body.id);
    await mailWith("Once");
  });

  it("answers only JSON, to localhost, from its own pages", async () => {
    const text = await fetch(`${world.url}/notify`, { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
    expect(text.status).toBe(415);
    const foreign = await fetch(`${world.url}/notify`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: "https://evil.example" },
      body: '{"message":"x"}',
    });
    expect(foreign.status).toBe(403);
  });
});

describe.each([
  ["JSON", false],
  ["binary", true],
])("Connect, %s", (_name, binary) => {
  const clients = () => clientsOf(world.url, { binary });

  it("Send reaches the mailbox and the inbox, and everything tells the same", async () => {
    const title = `To ann by ${_name}`;
    const sent = await clients().ingest.send({
      recipients: [{ userId: "ann" }],
      eventType: "post.liked",
      actor: "bo",
      content: { title, body: "Bo liked your post." },
    });
    const notification = await settled(sent.notificationId);
    expect(notification?.deliveries.map(({ channel, status }) => [channel, status])).toEqual([
      [Channel.EMAIL, DeliveryStatus.SENT],
      [Channel.WEB, DeliveryStatus.SENT],
    ]);
    await mailWith(title);
    const { attempts } = await clients().tracker.listAttempts({ notificationId: sent.notificationId });
    expect(attempts.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, DeliveryStatus.SENT],
      [1, DeliveryStatus.SENT],
    ]);
    const { notifications } = await clients().tracker.listNotifications({ userId: "ann" });
    expect(notifications[0]).toEqual(notification);
    const { steps } = await clients().tracker.explain({ notificationId: sent.notificationId });
    expect(steps.map((step) => step.stage)).toEqual(expect.arrayContaining(["asked", "decided", "queued", "sent"]));
    for (const step of steps) expect(step.sentences.length).toBeGreaterThan(0);
  });

  it("a bad item of a batch does not harm the others", async () => {
    const good = { recipients: [{ userId: "bo" }], content: { title: "Batch" }, channels: [Channel.WEB] };
    const { results } = await clients().ingest.sendBatch({ notifications: [good, { content: { title: "Nobody" } }, good] });
    expect(results.map(({ result }) => result.case)).toEqual(["accepted", "error", "accepted"]);
    expect(JSON.stringify(results[1]?.result.value, (_key, value) => (typeof value === "bigint" ? String(value) : value))).toContain("3");
  });

  it("an expired send names the field", async () => {
    await expect(
      clients().ingest.send({ recipients: [{ userId: "bo" }], content: { title: "Late" }, expiresAt: { seconds: 1n, nanos: 0 } }),
    ).rejects.toMatchObject({ code: 3 });
  });
});

it("a muted category is skipped, and Explain says so and why", async () => {
  const { preferences, ingest, tracker } = clientsOf(world.url);
  await preferences.setCategoryPreference({ userId: "ann", preference: { category: "offers", muted: true } });
  const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], category: "offers", content: { title: "Half price" } });
  expect((await settled(notificationId))?.status).toBe(NotificationStatus.SKIPPED);
  const { steps } = await tracker.explain({ notificationId });
  const skipped = steps.find((step) => step.stage === "skipped");
  expect(skipped?.reasons).toContain("category_muted");
  expect(skipped?.sentences.join(" ")).toContain("muted this category");
});

it("what passes a mute says so, and nothing that is untrue beside it", async () => {
  const { preferences, ingest, tracker } = clientsOf(world.url);
  await preferences.setCategoryPreference({ userId: "bo", preference: { category: "alarms", muted: true } });
  const { notificationId } = await ingest.send({
    ...{ recipients: [{ userId: "bo" }], category: "alarms", priority: Priority.CRITICAL },
    content: { title: "Smoke in the kitchen" },
  });
  expect((await settled(notificationId))?.status).toBe(NotificationStatus.SENT);
  const { steps } = await tracker.explain({ notificationId });
  const said = steps.flatMap(({ sentences }) => sentences).join(" ");
  expect(said).toContain("a critical notification passes a mute");
  expect(said).not.toMatch(/made no choice|pushed to their open browsers/);
});

it("a person without an address gets the inbox by the oldest facade too", async () => {
  const { status, body } = await post(`${world.url}${legacy}`, { type: "WEB", content: "Welcome.", userId: "user-web" });
  expect([status, body.type, body.userId]).toEqual([200, "WEB", "user-web"]);
  expect((await settled(body.id))?.status).toBe(NotificationStatus.SENT);
});

it("nobody is notified of their own act", async () => {
  const { ingest } = clientsOf(world.url);
  const { notificationId } = await ingest.send({ recipients: [{ userId: "bo" }], actor: "bo", content: { title: "You liked it" } });
  expect((await settled(notificationId))?.status).toBe(NotificationStatus.SKIPPED);
});
