import { toBinary } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errors } from "#domain/errors.ts";
import { DeliveryEventSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { recounting } from "./recount.ts";
import { openTrackerRoom, type TrackerRoom } from "./service.fixture.ts";
import { recountOf } from "./stats.fixture.ts";
import * as story from "./story.fixture.ts";

describe("GetStats", () => {
  let room: TrackerRoom;
  let tracker: Client<typeof TrackerService>;

  beforeEach(async () => {
    room = await openTrackerRoom();
    ({ tracker } = room);
  });
  afterEach(() => room.close());

  const statsOf = async (fromDate: string, toDate: string, client = tracker) =>
    (await client.getStats({ fromDate, toDate })).stats.map(({ date, channel, status, count }) => [date, channel, status, Number(count)]);

  it("tells what became of the deliveries, the decided against among them, however often the events come", async () => {
    await room.record(story.likedStory());
    await room.record(story.likedStory().toReversed());
    expect(await statsOf("1970-01-01", "1970-01-02")).toEqual([
      // One as it was decided, one by an event of its own.
      ["1970-01-01", story.EMAIL, story.QUEUED, 2],
      ["1970-01-01", story.EMAIL, story.DEFERRED, 1],
      ["1970-01-01", story.EMAIL, story.SENT, 1],
      ["1970-01-01", story.EMAIL, story.SKIPPED, 1],
      ["1970-01-01", story.WEB, story.QUEUED, 2],
      ["1970-01-01", story.WEB, story.SENT, 1],
      ["1970-01-01", story.WEB, story.SKIPPED, 1],
    ]);
  });

  it("tells what a recount of the history tells", async () => {
    const events = story.likedStory();
    await room.record(events);
    const stats = await room.store.stats({ environment: "development", fromDay: 0, toDay: 0 });
    expect(stats).toEqual(recountOf(events.map((event) => toBinary(DeliveryEventSchema, event))));
  });

  it("tells of the days asked for, and of the caller's environment only", async () => {
    await room.record([story.change("ann", story.EMAIL, story.SENT, BigInt(Date.parse("2026-03-01T23:59:59.999Z")))]);
    await room.record([story.change("bo", story.EMAIL, story.SENT, BigInt(Date.parse("2026-03-02T00:00:00Z")))]);
    expect(await statsOf("2026-03-02", "2026-03-02")).toEqual([["2026-03-02", story.EMAIL, story.SENT, 1]]);
    expect((await statsOf("2025-03-02", "2026-03-02")).map(([date]) => date)).toEqual(["2026-03-01", "2026-03-02"]);
    expect(await statsOf("2026-03-01", "2026-03-02", room.clients(TrackerService, "production"))).toEqual([]);
  });

  it.each([
    ["", "2026-03-01", "from_date"],
    ["2026-02-30", "2026-03-01", "from_date"],
    ["2026-03-01", "tomorrow", "to_date"],
    ["2026-03-01", "2026-13-01", "to_date"],
    ["2026-03-02", "2026-03-01", "to_date"],
    ["2025-03-01", "2026-03-02", "to_date"],
  ])("refuses the range from %j to %j and names %s", async (fromDate, toDate, field) => {
    const problem = await tracker.getStats({ fromDate, toDate }).then(() => expect.fail("was answered"), problemFrom);
    expect(errors[problem.reason].code).toBe("INVALID_ARGUMENT");
    expect(problem.violations.map((each) => each.field)).toEqual([field]);
  });
});

it("counts anew every minute, and more seldom where that takes long, until it is told to end", async () => {
  const clock = fakeClock();
  const startedMs = clock.nowMs();
  const beganAt: number[] = [];
  const stop = new AbortController();
  const task = recounting({
    clock,
    async recount() {
      beganAt.push((clock.nowMs() - startedMs) / 1_000);
      if (beganAt.length === 2) await clock.sleep(10_000);
    },
  }).run(stop.signal);
  await clock.advance(60_000 + 10_000 + 199_000);
  expect(beganAt).toEqual([0, 60]);
  await clock.advance(1_000);
  expect(beganAt).toEqual([0, 60, 270]);
  stop.abort();
  await task;
});
