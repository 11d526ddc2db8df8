import { afterEach, describe, expect, it, vi } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import type { WatchNotificationResponse } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { openTrackerRoom, type TrackerRoom } from "./service.fixture.ts";
import * as story from "./story.fixture.ts";

const { PROCESSING, SENT, FAILED } = NotificationStatus;
const notificationId = story.NOTIFICATION;
const events = story.likedStory();
const [asked, ...rest] = events as [DeliveryEvent, ...DeliveryEvent[]];

let room: TrackerRoom;
afterEach(() => room.close());

/** What one watcher has heard so far, in short, and how its stream ended. */
function watching() {
  const leaving = new AbortController();
  const heard: string[] = [];
  const statuses: NotificationStatus[] = [];
  const ended = (async () => {
    for await (const message of room.tracker.watchNotification({ notificationId }, { signal: leaving.signal })) {
      heard.push(brief(message));
      statuses.push(message.status);
    }
    return "end";
  })().catch((error) => problemFrom(error).reason);
  return { heard, statuses, ended, leave: () => leaving.abort() };
}

function brief({ update }: WatchNotificationResponse): string {
  if (update.case === "notification") return `notification with ${update.value.deliveries.length} deliveries`;
  return update.case === "delivery" ? `${update.value.userId} ${update.value.channel} ${update.value.status}` : `${update.case}`;
}

const line = (userId: string, channel: number, status: number) => `${userId} ${channel} ${status}`;
const { EMAIL, WEB } = story;

describe("a watcher", () => {
  it("hears where it stands, then every change, and the end", async () => {
    room = await openTrackerRoom();
    await room.record([asked]);
    const { heard, statuses, ended } = watching();
    await vi.waitFor(() => expect(heard).toEqual(["notification with 0 deliveries"]));
    await room.record(rest.slice(0, 3));
    await vi.waitFor(() => expect(heard).toHaveLength(5));
    await room.record(rest.slice(3));
    expect(await ended).toBe("end");
    expect(heard.slice(1)).toEqual([
      line("ann", EMAIL, story.QUEUED),
      line("ann", WEB, story.QUEUED),
      line("bo", EMAIL, story.SKIPPED),
      line("bo", WEB, story.SKIPPED),
      line("ann", WEB, story.SENT),
      line("ann", EMAIL, story.DEFERRED),
      line("ann", EMAIL, story.SENT),
    ]);
    expect(statuses).toEqual([...Array(7).fill(PROCESSING), SENT]);
  });

  it("of a notification that is settled hears so, and that is all", async () => {
    room = await openTrackerRoom();
    await room.record(events);
    const { heard, statuses, ended } = watching();
    expect(await ended).toBe("end");
    expect([heard, statuses]).toEqual([["notification with 4 deliveries"], [SENT]]);
  });

  it("may begin before any event has come", async () => {
    room = await openTrackerRoom();
    room.acknowledged.set(`development/${notificationId}`, story.request({ recipients: [{ userId: "ann" }, { userId: "bo" }] }));
    const { heard, ended } = watching();
    await vi.waitFor(() => expect(heard).toEqual(["notification with 0 deliveries"]));
    await room.record(events);
    expect(await ended).toBe("end");
    expect(heard.at(-1)).toBe(line("ann", EMAIL, story.SENT));
  });

  it("misses nothing that is recorded while it reads", async () => {
    let left = [...rest];
    room = await openTrackerRoom({
      around: (store) => ({
        ...store,
        // What it answers is out of date by the time it does.
        async eventsOf(environment, ids) {
          const read = await store.eventsOf(environment, ids);
          const next = left;
          left = [];
          if (next.length > 0) await room.record(next);
          return read;
        },
      }),
    });
    await room.record([asked]);
    const { heard, ended } = watching();
    expect(await ended).toBe("end");
    expect(heard).toHaveLength(8);
  });

  it("hears a sign of life in silence, and with it what a lost wake-up did not tell", async () => {
    const clock = fakeClock();
    room = await openTrackerRoom({ clock });
    await room.record([asked]);
    const { heard, ended } = watching();
    await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
    await clock.advance(14_999);
    expect(heard).toHaveLength(1);
    await clock.advance(1);
    await vi.waitFor(() => expect(heard.slice(1)).toEqual(["heartbeat"]));
    await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
    const { publish } = room.fanout;
    room.fanout.publish = () => {};
    await room.record(rest);
    room.fanout.publish = publish;
    await clock.advance(15_000);
    expect(await ended).toBe("end");
    expect(heard.at(-1)).toBe(line("ann", EMAIL, story.SENT));
  });

  it("reads again at once when a wake-up may have been lost", async () => {
    const clock = fakeClock();
    room = await openTrackerRoom({ clock });
    await room.record([asked]);
    const { subscribe, publish } = room.fanout;
    let missed = () => {};
    room.fanout.subscribe = (channel, listener, each) => {
      missed = each;
      return subscribe(channel, listener, each);
    };
    const { heard, ended } = watching();
    await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
    room.fanout.publish = () => {};
    await room.record(rest);
    room.fanout.publish = publish;
    expect(heard).toHaveLength(1);
    missed();
    expect(await ended).toBe("end");
    expect(heard.at(-1)).toBe(line("ann", EMAIL, story.SENT));
  });

  it("of a notification that is refused hears the notification once more, and the end", async () => {
    room = await openTrackerRoom();
    await room.record([asked]);
    const { heard, statuses, ended } = watching();
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    await room.record([story.refused("invalid")]);
    expect(await ended).toBe("end");
    expect([heard.length, statuses]).toEqual([2, [PROCESSING, FAILED]]);
  });

  it("of what is not there hears just that", async () => {
    room = await openTrackerRoom();
    expect(await watching().ended).toBe("NOT_FOUND");
  });

  it("is not woken by another notification's events, nor by another environment's", async () => {
    let reads = 0;
    room = await openTrackerRoom({
      around: (store) => ({
        ...store,
        eventsOf(...of) {
          reads++;
          return store.eventsOf(...of);
        },
      }),
    });
    await room.record([asked]);
    const { heard, leave } = watching();
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    const other = story.request({ notificationId: "0192f0c1-2345-7abc-8def-000000000000" });
    await room.record([story.asked(other), { ...asked, environment: "production" }]);
    await room.record(rest.slice(0, 1));
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    expect(reads).toBe(2);
    leave();
  });

  it("who finds no place is told when to come again, and a place is free once somebody leaves", async () => {
    room = await openTrackerRoom({ mostWatchers: 1 });
    await room.record([asked]);
    const one = watching();
    await vi.waitFor(() => expect(one.heard).toHaveLength(1));
    const full = await (async () => {
      for await (const _ of room.tracker.watchNotification({ notificationId }));
    })().catch(problemFrom);
    expect(full).toMatchObject({ reason: "TOO_MANY_WATCHERS", retryAfterMs: 5_000 });
    one.leave();
    await one.ended;
    const two = watching();
    await vi.waitFor(() => expect(two.heard).toHaveLength(1));
    two.leave();
  });
});
