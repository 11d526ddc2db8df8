import { afterEach, beforeEach, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { TemplatesService } from "#gen/carillon/templates/v1/templates_pb.ts";
import type { Given } from "#platform/host.ts";
import { type FakeClock, fakeClock } from "../../test/fakes/clock.ts";
import { type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";
import { type Versions, versionsOf } from "./versions.ts";

let clock: FakeClock;
let room: TemplatesRoom;
let asked: string[];
let versions: Versions;

beforeEach(async () => {
  clock = fakeClock();
  room = await templatesRoom(clock);
  asked = [];
  const client = ((service: typeof TemplatesService, environment: string) => {
    asked.push(environment);
    return room.client(service, environment);
  }) as Given["client"];
  versions = versionsOf({ client, clock });
});
afterEach(() => room.close());

const saying = (title: string) => ({ defaultLocale: "en", contents: [{ channel: Channel.EMAIL, locale: "en", title }] });
const liveTitle = async (environment = "development") => {
  const version = await versions.live(environment, "t");
  return (await versions.version(environment, "t", version))?.fill(Channel.EMAIL, "", {}).content.title;
};

it("what is published is live within two seconds, and so is what is rolled back and what is archived", async () => {
  await room.publish("t", saying("one"));
  expect(await liveTitle()).toBe("one");
  await room.publish("t", saying("two"));
  await clock.advance(2_000);
  expect(await liveTitle()).toBe("two");
  await room.templates.rollback({ name: "t", version: 1 });
  await clock.advance(2_000);
  expect(await liveTitle()).toBe("one");
  await room.templates.archive({ name: "t" });
  await clock.advance(2_000);
  expect(await versions.live("development", "t")).toBe(0);
});

it("a template that is published for the first time is found within two seconds of having been missed", async () => {
  expect(await versions.live("development", "t")).toBe(0);
  await room.publish("t", saying("one"));
  await clock.advance(2_000);
  expect(await liveTitle()).toBe("one");
});

it("a version is read once and kept; which one is live is asked once a second, however many want to know", async () => {
  await room.publish("t", saying("one"));
  asked = [];
  for (let second = 0; second < 3; second++) {
    await Promise.all(Array.from({ length: 50 }, () => liveTitle()));
    await clock.advance(1_000);
  }
  expect(asked).toHaveLength(1 + 3);
});

it("a draft is not to be had, and is once it has been published", async () => {
  await room.templates.createTemplate({ name: "t", source: saying("one") });
  expect(await versions.version("development", "t", 1)).toBeUndefined();
  await room.templates.publish({ name: "t" });
  expect(await versions.version("development", "t", 1)).toBeDefined();
});

it("environments know nothing of each other's templates", async () => {
  await room.publish("t", saying("one"));
  expect(await versions.live("production", "t")).toBe(0);
  expect(await versions.version("production", "t", 1)).toBeUndefined();
});

it("a room that does not answer is said to be away, and asked again", async () => {
  await room.publish("t", saying("one"));
  const { find, version } = room.store;
  const away = () => Promise.reject(new Error("the disk is away"));
  Object.assign(room.store, { find: away, version: away });
  await expect(versions.live("development", "t")).rejects.toMatchObject({ reason: "TEMPLATES_UNAVAILABLE" });
  await expect(versions.version("development", "t", 1)).rejects.toMatchObject({ reason: "TEMPLATES_UNAVAILABLE" });
  Object.assign(room.store, { find, version });
  expect(await liveTitle()).toBe("one");
});
