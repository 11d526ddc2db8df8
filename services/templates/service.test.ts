import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { TemplatesService, VersionStatus } from "#gen/carillon/templates/v1/templates_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { type FakeClock, fakeClock } from "../../test/fakes/clock.ts";
import { orderPaid, type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";

let clock: FakeClock;
let room: TemplatesRoom;
let templates: TemplatesRoom["templates"];

beforeEach(async () => {
  clock = fakeClock(1_000);
  room = await templatesRoom(clock);
  ({ templates } = room);
});
afterEach(() => room.close());

const problemOf = async (call: Promise<unknown>): Promise<Problem> => call.then(() => expect.fail("was answered"), problemFrom);
const reasonOf = async (call: Promise<unknown>) => (await problemOf(call)).reason;
const fieldsOf = async (call: Promise<unknown>) => (await problemOf(call)).violations.map(({ field }) => field);
const saying = (title: string) => ({ defaultLocale: "en", contents: [{ channel: Channel.EMAIL, locale: "en", title }] });
const broken = saying("{{{a");

describe("a template's life", () => {
  it("goes from draft to published to archived, and back", async () => {
    const created = await templates.createTemplate({ name: "t", source: saying("one") });
    expect(created).toMatchObject({ template: { name: "t", liveVersion: 0, draftVersion: 1 }, draft: { version: 1, revision: 1 } });
    await clock.advance(1_000);
    expect((await templates.publish({ name: "t" })).template).toMatchObject({ liveVersion: 1, draftVersion: 0, updatedAtMs: 2_000n });
    const { draft } = await templates.updateDraft({ name: "t", source: saying("two") });
    expect(draft).toMatchObject({ version: 2, revision: 1, status: VersionStatus.DRAFT });
    await templates.publish({ name: "t", revision: 1 });
    const { versions } = await templates.getTemplate({ name: "t" });
    expect(versions.map(({ version, status }) => [version, status])).toEqual([
      [2, VersionStatus.PUBLISHED],
      [1, VersionStatus.ARCHIVED],
    ]);
    expect((await templates.rollback({ name: "t", version: 1 })).template).toMatchObject({ liveVersion: 1 });
    expect((await templates.archive({ name: "t" })).template).toMatchObject({ liveVersion: 0 });
    expect((await templates.getVersion({ name: "t", version: 1 })).summary?.status).toBe(VersionStatus.ARCHIVED);
  });

  it("keeps the words that were written, its locales as BCP 47 has them", async () => {
    const source = {
      defaultLocale: "EN",
      inputSchema: { type: "object" },
      contents: [{ channel: Channel.EMAIL, locale: "EN", title: "Hi" }],
    };
    await templates.createTemplate({ name: "t", source });
    const kept = (await templates.getVersion({ name: "t", version: 1 })).source;
    expect(kept).toMatchObject({
      defaultLocale: "en",
      inputSchema: source.inputSchema,
      contents: [{ locale: "en", title: "Hi", html: "" }],
    });
  });

  it("is not published with anything wrong in it: the violations say what and where", async () => {
    await templates.createTemplate({ name: "t", source: broken });
    const problem = await problemOf(templates.publish({ name: "t" }));
    expect(problem.violations).toEqual([{ field: "contents[0].title", description: expect.stringContaining("line 1, column 4: ") }]);
    expect((await templates.getTemplate({ name: "t" })).template?.liveVersion).toBe(0);
  });

  test.each([
    ["a second of one name", () => templates.createTemplate({ name: "t", source: saying("x") }), "ALREADY_EXISTS"],
    ["a draft changed in between", () => templates.updateDraft({ name: "t", source: saying("x"), revision: 7 }), "REVISION_OUTDATED"],
    ["a draft that is there already", () => templates.updateDraft({ name: "t", source: saying("x") }), "REVISION_OUTDATED"],
    ["a draft other than was looked at", () => templates.publish({ name: "t", revision: 7 }), "REVISION_OUTDATED"],
    ["a rollback to a draft", () => templates.rollback({ name: "t", version: 1 }), "NOT_FOUND"],
    ["a rollback to nothing", () => templates.rollback({ name: "t", version: 9 }), "NOT_FOUND"],
    ["a version that is not there", () => templates.getVersion({ name: "t", version: 9 }), "NOT_FOUND"],
    ["nothing to publish", () => templates.publish({ name: "none" }), "NOT_FOUND"],
    ["nothing to validate", () => templates.validate({ name: "none" }), "NOT_FOUND"],
    ["nothing to archive", () => templates.archive({ name: "none" }), "NOT_FOUND"],
    ["a name with blanks", () => templates.createTemplate({ name: "a b", source: saying("x") }), "INVALID_REQUEST"],
    ["no words at all", () => templates.createTemplate({ name: "n", source: { defaultLocale: "en" } }), "INVALID_REQUEST"],
  ])("%s is refused", async (_what, call, reason) => {
    await templates.createTemplate({ name: "t", source: saying("one") });
    expect(await reasonOf(call())).toBe(reason);
    expect((await templates.getVersion({ name: "t", version: 1 })).source?.contents[0]?.title).toBe("one");
  });

  it("is named where it is not there, and so is what is missing of it", async () => {
    await room.publish("t", saying("one"));
    const said = async (call: Promise<unknown>) => (await problemOf(call)).message;
    expect(await said(templates.preview({ name: "t", channel: Channel.EMAIL }))).toBe(
      'The template "t" has no draft; name a version, of which 1 is live.',
    );
    expect(await said(templates.publish({ name: "t" }))).toBe('The template "t" has no draft; UpdateDraft begins the next one.');
    expect(await said(templates.getTemplate({ name: "u" }))).toBe('There is no template "u" in this environment.');
    expect(await said(templates.getVersion({ name: "t", version: 9 }))).toBe(
      'There is no version 9 of the template "t" in this environment.',
    );
    expect(await said(templates.rollback({ name: "t", version: 9 }))).toBe(
      'There is no published version 9 of the template "t" in this environment.',
    );
  });

  it("is listed by name, page by page, in its own environment", async () => {
    for (const name of ["b", "c", "a"]) await templates.createTemplate({ name, source: saying(name) });
    const first = await templates.listTemplates({ pageSize: 2 });
    expect(first.templates.map(({ name }) => name)).toEqual(["a", "b"]);
    const second = await templates.listTemplates({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ templates: [{ name: "c" }], nextPageToken: "" });
    expect((await room.client(TemplatesService, "production").listTemplates({})).templates).toEqual([]);
  });

  it("is not found from another environment, by no method", async () => {
    await room.publish("t", saying("one"));
    const theirs = room.client(TemplatesService, "production");
    const calls = [
      theirs.getTemplate({ name: "t" }),
      theirs.getVersion({ name: "t", version: 1 }),
      theirs.updateDraft({ name: "t", source: saying("x") }),
      theirs.validate({ name: "t", version: 1 }),
      theirs.preview({ name: "t", version: 1, channel: Channel.EMAIL }),
      theirs.publish({ name: "t" }),
      theirs.rollback({ name: "t", version: 1 }),
      theirs.archive({ name: "t" }),
    ];
    expect(new Set(await Promise.all(calls.map(reasonOf)))).toEqual(new Set(["NOT_FOUND"]));
  });
});

describe("validate and preview", () => {
  it("look at a draft, at a version, or at words that are not stored", async () => {
    await room.publish("t", saying("one"));
    await templates.updateDraft({ name: "t", source: broken });
    expect((await templates.validate({ name: "t" })).findings).toMatchObject([{ field: "contents[0].title", line: 1, column: 4 }]);
    expect((await templates.validate({ name: "t", version: 1 })).findings).toEqual([]);
    expect((await templates.validate({ source: broken })).findings).toHaveLength(1);
    const preview = await templates.preview({ name: "t", version: 1, channel: Channel.EMAIL });
    expect(preview).toMatchObject({ locale: "en", content: { title: "one" } });
    expect(await fieldsOf(templates.validate({ name: "t", source: broken }))).toHaveLength(1);
  });

  const order = { total: 5 };
  test.each([
    ["words that are wrong", { source: broken, channel: Channel.EMAIL }, "source.contents[0].title"],
    ["data that is wrong", { source: orderPaid(), channel: Channel.EMAIL, data: { order: {} } }, "data.order.total"],
    ["a locale that is none", { source: orderPaid(), channel: Channel.EMAIL, data: { order }, locale: "no locale" }, "locale"],
    ["a channel without words", { source: saying("x"), channel: Channel.WEB }, "channel"],
    ["data that cannot be shown", { source: saying("{{a}}"), channel: Channel.EMAIL, data: { a: {} } }, "data"],
  ])("a preview of %s names the field", async (_what, request, field) => {
    expect(await fieldsOf(templates.preview(request))).toEqual([field]);
  });
});
