/** Templates, from the outside: written, tried, published, sent with data, read in the mailbox and the inbox, replaced, rolled back. */
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { orderPaid } from "../fakes/templates.ts";
import { clientsOf, getJson, post } from "../world/clients.ts";
import { sharedWorld, type World } from "../world/world.ts";

let world: World;
let clients: ReturnType<typeof clientsOf>;
beforeAll(async () => {
  world = await sharedWorld();
  clients = clientsOf(world.url, { binary: false });
});
afterAll(() => world.stop());

const order = { total: 99.9, items: [{ title: "A <b>book</b>" }, { title: "Tea" }] };
const problemOf = (call: Promise<unknown>) => call.then(() => expect.fail("was answered"), problemFrom);
const fieldsOf = async (call: Promise<unknown>) => (await problemOf(call)).violations.map(({ field }) => field);

interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly to: unknown;
}
/** The mail once it has come, its text without the line break that a mail ends with. */
async function mailTo(address: string, subject: string): Promise<Mail> {
  const look = async () => {
    const { messages } = (await getJson(`${world.url}/dev/mail/messages`)).body as { messages: Mail[] };
    return messages.find((mail) => JSON.stringify(mail.to).includes(address) && mail.subject === subject);
  };
  await expect.poll(look).toBeDefined();
  const mail = (await look()) as Mail;
  return { ...mail, text: mail.text.trimEnd() };
}
const person = async (userId: string, locale: string) => {
  await clients.preferences.upsertPerson({ userId, email: `${userId}@example.test`, locale });
  return { recipients: [{ userId }], channels: [Channel.EMAIL] };
};

describe("a template", () => {
  it("is written, checked and tried before anybody gets it", async () => {
    const { templates } = clients;
    const { draft } = await templates.createTemplate({ name: "tried", source: orderPaid() });
    expect(draft?.version).toBe(1);
    expect((await templates.validate({ name: "tried" })).findings).toEqual([]);
    const [finding] = (
      await templates.validate({
        source: { defaultLocale: "en", contents: [{ channel: Channel.EMAIL, locale: "en", title: "Hi", html: "<p>\n{{{name}}}</p>" }] },
      })
    ).findings;
    expect(finding).toMatchObject({ field: "contents[0].html", line: 2, column: 1 });
    const preview = await templates.preview({ name: "tried", channel: Channel.EMAIL, locale: "pt-BR", data: { name: "Ana", order } });
    expect(preview).toMatchObject({ locale: "pt", content: { title: "Pago: 99.9", html: "<p>Obrigado, Ana.</p>" } });
    // Nothing is live yet.
    expect(await fieldsOf(clients.ingest.send({ ...(await person("early", "")), template: { name: "tried", data: { order } } }))).toEqual([
      "template.name",
    ]);
  });

  it("is filled in with the data, in each person's locale", async () => {
    await clients.templates.createTemplate({ name: "two-locales", source: orderPaid() });
    await clients.templates.publish({ name: "two-locales" });
    for (const [userId, locale] of [
      ["ana", "pt-BR"],
      ["eve", "fr"],
    ] as const)
      await clients.ingest.send({ ...(await person(userId, locale)), template: { name: "two-locales", data: { name: userId, order } } });
    expect((await mailTo("ana@example.test", "Pago: 99.9")).text).toBe("Obrigado, ana.");
    const english = await mailTo("eve@example.test", "Paid: 99.9");
    expect(english.text).toBe("Thank you, eve.\n- A <b>book</b>\n- Tea");
    expect(english.html).toContain("<li>A &lt;b&gt;book&lt;/b&gt;</li>");
  });

  it("is replaced by what is published, and by an earlier version after a rollback", async () => {
    const { templates, ingest } = clients;
    const to = await person("vera", "en");
    const send = async () => (await ingest.send({ ...to, template: { name: "versions", data: { order } } })).notificationId;
    const versionOf = async (notificationId: string) =>
      (await clients.tracker.getNotification({ notificationId })).notification?.template?.version;
    await templates.createTemplate({ name: "versions", source: orderPaid() });
    await templates.publish({ name: "versions" });
    const first = await send();
    expect(await versionOf(first)).toBe(1);

    const words = { channel: Channel.EMAIL, locale: "en", title: "Second: {{order.total}}", body: "New words." };
    await templates.updateDraft({ name: "versions", source: { defaultLocale: "en", contents: [words] } });
    await templates.publish({ name: "versions" });
    await expect.poll(async () => versionOf(await send())).toBe(2);
    expect((await mailTo("vera@example.test", "Second: 99.9")).text).toBe("New words.");

    await templates.rollback({ name: "versions", version: 1 });
    await expect.poll(async () => versionOf(await send())).toBe(1);
    expect(await versionOf(first)).toBe(1);
  });

  it("that does not get its data says which field is missing, over Connect and over REST", async () => {
    await clients.templates.createTemplate({ name: "strict", source: orderPaid() });
    await clients.templates.publish({ name: "strict" });
    const to = { recipients: [{ userId: "ann" }] };
    const missing = await problemOf(clients.ingest.send({ ...to, template: { name: "strict", data: { order: {} } } }));
    expect(missing.reason).toBe("INVALID_REQUEST");
    expect(missing.violations).toEqual([{ field: "template.data.order.total", description: "is missing" }]);
    const wrong = { user_id: "ann", event_type: "order.paid", template: { name: "strict", data: { order: { total: "much" } } } };
    const { status, body } = await post(`${world.url}/api/v1/notifications`, wrong);
    expect(status).toBe(400);
    expect(body.error.violations).toEqual([{ field: "template.data.order.total", description: "must be number" }]);
    expect(await fieldsOf(clients.ingest.send({ ...to, template: { name: "nobody", data: {} } }))).toEqual(["template.name"]);
    expect(await fieldsOf(clients.ingest.send({ ...to, content: { title: "Hi" }, template: { name: "strict", data: { order } } }))).toEqual(
      ["template"],
    );
    const { results } = await clients.ingest.sendBatch({
      notifications: [
        { ...to, template: { name: "strict", data: { order } } },
        { ...to, template: { name: "strict" } },
      ],
    });
    expect(results.map(({ result }) => result.case)).toEqual(["accepted", "error"]);
  });

  it("goes to the inbox with its words for it, and not to channels that it has no words for; Explain says both", async () => {
    await clients.templates.createTemplate({
      name: "web-only",
      source: { defaultLocale: "en", contents: [{ channel: Channel.WEB, locale: "en", title: "Hello\r\n{{name}}", body: "<{{name}}>" }] },
    });
    await clients.templates.publish({ name: "web-only" });
    const { body } = await post(`${world.url}/api/v1/notifications`, {
      user_id: "bo",
      event_type: "hello",
      template: { name: "web-only", data: { name: "Bo\nBo" } },
    });
    await expect
      .poll(async () => (await clients.inbox.listMessages({ userId: "bo" })).messages.map(({ title, body }) => [title, body]))
      .toContainEqual(["Hello Bo Bo", "<Bo\nBo>"]);
    await expect
      .poll(async () => (await clients.tracker.explain({ notificationId: body.id })).steps.map(({ stage }) => stage))
      .toContain("sent");
    const { steps } = await clients.tracker.explain({ notificationId: body.id });
    expect(steps[0]?.sentences).toContain('The words come from version 1 of the template "web-only".');
    expect(steps.find(({ channel, stage }) => channel === Channel.EMAIL && stage === "not used")?.reasons).toEqual(["no_words"]);
    const email = { recipients: [{ userId: "bo" }], channels: [Channel.EMAIL], template: { name: "web-only" } };
    expect(await fieldsOf(clients.ingest.send(email))).toEqual(["channels"]);
  });

  it("that cannot be filled in ends as a dead letter that says why, and harms nobody else", async () => {
    const words = { channel: Channel.EMAIL, locale: "en", title: "Hi", body: "{{#each list}}{{this}}{{/each}}" };
    await clients.templates.createTemplate({ name: "lax", source: { defaultLocale: "en", contents: [words] } });
    await clients.templates.publish({ name: "lax" });
    const to = await person("lex", "en");
    const { notificationId } = await clients.ingest.send({ ...to, template: { name: "lax", data: { list: [{}] } } });
    const delivery = async () =>
      (await clients.tracker.getNotification({ notificationId })).notification?.deliveries.find(({ channel }) => channel === Channel.EMAIL);
    await expect.poll(async () => (await delivery())?.status).toBe(DeliveryStatus.DEAD);
    expect((await delivery())?.reason).toBe("render_failed");
    const { steps } = await clients.tracker.explain({ notificationId });
    expect(JSON.stringify(steps.at(-1)?.sentences)).toContain("body, line 1, column 17: this is an object");
    await clients.ingest.send({ ...to, template: { name: "lax", data: { list: ["fine"] } } });
    expect((await mailTo("lex@example.test", "Hi")).text).toBe("fine");
  });

  it("is changed by one author at a time", async () => {
    const { templates } = clients;
    const { draft } = await templates.createTemplate({ name: "shared", source: orderPaid() });
    const revision = draft?.revision ?? 0;
    await templates.updateDraft({ name: "shared", source: orderPaid(), revision });
    const late = await templates.updateDraft({ name: "shared", source: orderPaid(), revision }).catch(ConnectError.from);
    expect(late).toMatchObject({ code: Code.Aborted });
  });
});
