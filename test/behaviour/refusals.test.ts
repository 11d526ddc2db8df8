/** What callers hear when they get something wrong: which field, and what would be right, in the words of the door they came by. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { post } from "../world/clients.ts";
import { sharedWorld, type World } from "../world/world.ts";

let world: World;
beforeAll(async () => {
  world = await sharedWorld();
});
afterAll(() => world.stop());

const LEGACY = "/notification_service/api/notifications";
const EVENTS = "/api/v1/notifications";
const payment = { type: "EMAIL", title: "Paid", content: "Thank you.", recipient: "user@example.com" };
const event = { user_id: "ann", event_type: "post.liked", content: "Have a look." };

interface Refused {
  readonly message: string;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
}
const refused = async (path: string, body: unknown, headers = {}): Promise<string[]> => {
  const answer = await post(`${world.url}${path}`, body, headers);
  expect(answer.status).toBe(400);
  const { message, violations } = answer.body.error as Refused;
  const told = violations.map(({ field, description }) => `${field}: ${description}`);
  expect(message).toBe(told.length > 1 ? `${told[0]} (and ${told.length - 1} more)` : told[0]);
  return told;
};
const { recipient: _, ...toNobody } = payment;

describe("the REST facades", () => {
  it.each<[string, string, unknown, string[]]>([
    [
      "values of wrong types, each once",
      LEGACY,
      { type: 1, title: 2, content: [], recipient: 5, userId: -1, metadata: "x" },
      [
        "type: must be a string",
        "title: must be a string",
        "content: must be a string",
        "userId: must be a string of 1 to 128 characters or a whole number",
        "recipient: must be a string",
        "metadata: must be an object",
      ],
    ],
    ["what is missing", LEGACY, {}, ["type: is missing", "content: is missing"]],
    ["a body that is no object", LEGACY, "[]", ["(body): must be an object"]],
    ["a misspelt type", LEGACY, { ...payment, type: "EMIAL" }, ['type: must be one of EMAIL, WEB; did you mean "EMAIL"?']],
    ["nobody", LEGACY, toNobody, ["recipient: is missing: name an email address, or a userId"]],
    ["an address for nobody", LEGACY, { ...payment, recipient: "" }, ["recipient: is missing: name an email address, or a userId"]],
    ["blank content", LEGACY, { ...payment, content: " \n" }, ["content: must not be blank"]],
    ["a message that is a number", "/notify", { message: 1 }, ["message: must be a string"]],
    ["a blank message", "/notify", { message: "  " }, ["message: must not be blank"]],
    ["no message", "/notify", {}, ["message: is missing"]],
    [
      "line breaks in the event type, and no title that nobody sent",
      EVENTS,
      { ...event, event_type: "post\r\nliked" },
      ["event_type: must be letters, digits, dots, underscores, colons and hyphens, like post.liked, beginning with a letter or digit"],
    ],
    ["an event type that is too long", EVENTS, { ...event, event_type: "x".repeat(600) }, ["event_type: must be at most 128 characters"]],
    [
      "misspelt choices",
      EVENTS,
      { ...event, channels: ["emial", "sms"], priority: "hihg" },
      [
        'channels[0]: must be one of email, web; did you mean "email"?',
        "channels[1]: must be one of email, web",
        'priority: must be one of low, medium, high, critical; did you mean "high"?',
      ],
    ],
    ["lists that are none", EVENTS, { ...event, channels: "web", priority: 3 }, ["channels: must be a list", "priority: must be a string"]],
    [
      "a token's person under another name",
      "/dev/token",
      { userId: "ann" },
      ['userId: unknown field; did you mean "user_id"?', "user_id: is missing"],
    ],
    [
      "a token's person that is a number",
      "/dev/token",
      { user_id: 5 },
      ["user_id: must be 1 to 128 printable characters without blanks, and not begin with ~"],
    ],
  ])("tell of %s", async (_what, path, body, told) => {
    expect(await refused(path, body)).toEqual(told);
  });

  it("name a key that is too long by its header", async () => {
    expect(await refused(LEGACY, payment, { "idempotency-key": "k".repeat(256) })).toEqual([
      "Idempotency-Key: must be at most 255 characters",
    ]);
  });

  it.each([
    ["metadata over 16 KiB", { ...payment, metadata: { a: "x".repeat(17_000) } }, "metadata: must be at most 16 KiB as JSON"],
    ["content over 256 KiB", { ...payment, content: "x".repeat(300_000) }, "content: the whole notification must be at most 256 KiB"],
  ])("answer 413 to %s, as the table of errors says", async (_what, body, message) => {
    const answer = await post(`${world.url}${LEGACY}`, body);
    expect([answer.status, answer.body.error.reason, answer.body.error.message]).toEqual([413, "NOTIFICATION_TOO_LARGE", message]);
  });

  it("take JSON in UTF-8 only", async () => {
    const answer = await post(`${world.url}/notify`, { message: "x" }, { "content-type": "application/json; charset=iso-8859-1" });
    expect(answer.status).toBe(415);
  });
});

describe("Connect in JSON", () => {
  const call = (method: string, body: unknown, headers = {}) =>
    post(`${world.url}/carillon.ingest.v1.IngestService/${method}`, body, headers);
  const good = { recipients: [{ userId: "bo" }], channels: ["CHANNEL_WEB"], content: { title: "Batch" } };

  it("answers each item of a batch by itself, also one that cannot be read", async () => {
    const notifications = [good, { ...good, recipeints: [] }, { ...good, content: { title: 5 } }, good];
    const { status, body } = await call("SendBatch", { notifications });
    expect(status).toBe(200);
    expect(body.results.map((result: object) => Object.keys(result)[0])).toEqual(["accepted", "error", "error", "accepted"]);
    expect(body.results[1].error).toEqual({
      code: 3,
      reason: "INVALID_REQUEST",
      message: 'recipeints: unknown field "recipeints"; did you mean "recipients"?',
      violations: [{ field: "recipeints", description: 'unknown field "recipeints"; did you mean "recipients"?' }],
    });
    expect(body.results[2].error.violations).toEqual([{ field: "content.title", description: "must be a string" }]);
  });

  it("honours the header Idempotency-Key", async () => {
    const headers = { "idempotency-key": "by-header" };
    const [first, second] = [await call("Send", good, headers), await call("Send", good, headers)];
    expect(second.body).toEqual({ ...first.body, repeated: true });
  });

  it("answers in Connect's own envelope, whatever is wrong", async () => {
    for (const [answer, status, code] of [
      [await call("Send", { ...good, content: { title: "x".repeat(5 << 20) } }), 413, "resource_exhausted"],
      [await call("Sned", good), 404, "unimplemented"],
      [await call("Send", good, { "content-type": "text/plain" }), 415, "invalid_argument"],
      [await call("Send", good, { "connect-timeout-ms": "abc" }), 400, "invalid_argument"],
    ] as const) {
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.body.details[0].type).toBe("google.rpc.ErrorInfo");
    }
  });
});
