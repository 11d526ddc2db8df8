import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type QuietHours, quietHoursFault, quietUntil } from "#domain/decide/quiet-hours.ts";
import { isTimeZone } from "#domain/decide/zone.ts";

const night = (over: Partial<QuietHours> = {}): QuietHours => ({ start: "22:00", end: "07:00", days: [], ...over });
/** "until 2026-11-22T06:00Z", or "no" */
const at = (iso: string, zone: string, hours: QuietHours = night()) => {
  const untilMs = quietUntil(hours, zone, Date.parse(iso));
  return untilMs === undefined ? "no" : new Date(untilMs).toISOString().replace(":00.000Z", "Z");
};

describe("quiet hours", () => {
  test("hold from their start until just before their end, across midnight", () => {
    expect(at("2026-11-21T20:59:59.999Z", "Europe/Vienna")).toBe("no");
    expect(at("2026-11-21T21:00Z", "Europe/Vienna")).toBe("2026-11-22T06:00Z");
    expect(at("2026-11-22T05:59:59.999Z", "Europe/Vienna")).toBe("2026-11-22T06:00Z");
    expect(at("2026-11-22T06:00Z", "Europe/Vienna")).toBe("no");
    expect(at("2026-11-22T03:00Z", "America/New_York")).toBe("2026-11-22T12:00Z");
    expect(at("2026-11-21T17:00Z", "Asia/Kathmandu")).toBe("2026-11-22T01:15Z");
  });

  test("within a day end on that day", () => {
    const noon = night({ start: "12:30", end: "14:00" });
    expect(at("2026-11-21T12:29Z", "UTC", noon)).toBe("no");
    expect(at("2026-11-21T12:30Z", "UTC", noon)).toBe("2026-11-21T14:00Z");
    expect(at("2026-11-21T14:00Z", "UTC", noon)).toBe("no");
  });

  test("on some days belong to the day on which they begin", () => {
    const fridays = night({ days: [5] });
    expect(at("2026-11-20T23:00Z", "UTC", fridays)).toBe("2026-11-21T07:00Z");
    expect(at("2026-11-21T06:00Z", "UTC", fridays)).toBe("2026-11-21T07:00Z");
    expect(at("2026-11-21T23:00Z", "UTC", fridays)).toBe("no");
    expect(at("2026-11-20T06:00Z", "UTC", fridays)).toBe("no");
  });

  test("that follow each other are one: a whole weekend ends on Monday", () => {
    const weekend = night({ start: "00:00", end: "24:00", days: [6, 7] });
    expect(at("2026-11-21T00:00Z", "UTC", weekend)).toBe("2026-11-23T00:00Z");
    expect(at("2026-11-20T23:59Z", "UTC", weekend)).toBe("no");
    const sixDays = night({ start: "08:00", end: "24:00", days: [1, 2, 3, 4, 5, 6] });
    expect(at("2026-11-16T09:00Z", "UTC", sixDays)).toBe("2026-11-17T00:00Z");
    expect(at("2026-11-16T09:00Z", "UTC", night({ start: "08:00", end: "08:00", days: [1, 2, 3, 4, 5, 6] }))).toBe("2026-11-22T08:00Z");
  });

  test("are an hour shorter in the night that clocks are set forward, and an hour longer when they are set back", () => {
    expect(at("2026-03-28T21:00Z", "Europe/Vienna")).toBe("2026-03-29T05:00Z");
    expect(at("2026-10-24T20:00Z", "Europe/Vienna")).toBe("2026-10-25T06:00Z");
  });

  test("that end at a time which is passed over end when the clocks are set", () => {
    const toGap = night({ end: "02:30" });
    expect(at("2026-03-28T23:00Z", "Europe/Vienna", toGap)).toBe("2026-03-29T01:00Z");
    expect(at("2026-03-29T01:00Z", "Europe/Vienna", toGap)).toBe("no");
    const fromGap = night({ start: "02:30", end: "04:00" });
    expect(at("2026-03-29T00:59Z", "Europe/Vienna", fromGap)).toBe("no");
    expect(at("2026-03-29T01:00Z", "Europe/Vienna", fromGap)).toBe("2026-03-29T02:00Z");
  });

  test("that end at a time which comes twice end the second time, and begin the first", () => {
    expect(at("2026-10-25T00:00Z", "Europe/Vienna", night({ end: "02:30" }))).toBe("2026-10-25T01:30Z");
    const within = night({ start: "02:15", end: "02:45" });
    expect(at("2026-10-25T00:14Z", "Europe/Vienna", within)).toBe("no");
    for (const moment of ["00:15", "00:50", "01:00", "01:44"])
      expect(at(`2026-10-25T${moment}Z`, "Europe/Vienna", within)).toBe("2026-10-25T01:45Z");
    expect(at("2026-10-25T01:45Z", "Europe/Vienna", within)).toBe("no");
  });

  test("that end at the time which clocks are set back to end the first time it comes: nothing before it is shown again", () => {
    expect(at("2026-10-24T23:00Z", "Europe/Vienna", night({ end: "02:00" }))).toBe("2026-10-25T00:00Z");
    expect(at("2026-10-25T00:30Z", "Europe/Vienna", night({ end: "02:00" }))).toBe("no");
  });

  test("end also where a whole day is passed over, and where half an hour is", () => {
    expect(at("2011-12-30T08:00Z", "Pacific/Apia")).toBe("2011-12-30T17:00Z");
    expect(at("2026-10-03T12:00Z", "Australia/Lord_Howe")).toBe("2026-10-03T20:00Z");
  });

  test("count in UTC where the zone is not known", () => {
    expect(at("2026-11-21T23:00Z", "Mars/Olympus_Mons")).toBe("2026-11-22T07:00Z");
  });

  test("have to leave some time of the week", () => {
    expect(quietHoursFault(night())).toBeUndefined();
    expect(quietHoursFault(night({ start: "00:00", end: "24:00", days: [6, 7] }))).toBeUndefined();
    expect(quietHoursFault(night({ end: "22:00" }))).toContain("must not be the same");
    expect(quietHoursFault(night({ start: "00:00", end: "24:00" }))).toContain("some time of the week");
    expect(quietHoursFault(night({ start: "00:00", end: "24:00", days: [1, 2, 3, 4, 5, 6, 7] }))).toContain("some time of the week");
  });
});

test("a time zone is named as IANA does", () => {
  for (const name of ["Europe/Vienna", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kolkata"])
    expect(isTimeZone(name)).toBe(true);
  for (const name of ["", "+02:00", "Europe/Wien", "CEST is nice", "../etc/passwd", "Europe/"]) expect(isTimeZone(name)).toBe(false);
});

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Half-hour and two-hour changes, changes at midnight and a minute past it, a day that never was, zones without any change. */
const zones = [
  ...["Europe/Vienna", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Asia/Beirut"],
  ...["Africa/Casablanca", "Antarctica/Troll", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Asia/Kathmandu", "UTC"],
];
const walls = new Map(
  zones.map((zone) => [zone, new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })]),
);
/** "2026-03-29 01:59": what the clock on the wall says, in an order that texts compare in. */
const wall = (zone: string, ms: number) => (walls.get(zone) as Intl.DateTimeFormat).format(ms);

/** The days between 2005 and 2035 on which a zone's clocks are set, found by looking at noon of every day. */
const changes = new Map(
  zones.map((zone) => {
    const days: number[] = [];
    let before = "";
    for (let ms = Date.UTC(2005, 0, 1, 12); ms < Date.UTC(2035, 0, 1); ms += DAY) {
      const shown = wall(zone, ms).slice(11);
      if (before !== "" && shown !== before) days.push(ms);
      before = shown;
    }
    return [zone, days];
  }),
);

/** By looking at the wall every minute for days around, and taking the definition by its word. */
function looked({ start, end, days }: QuietHours, zone: string, nowMs: number): number | undefined {
  const fromMs = Math.floor(nowMs / MINUTE) * MINUTE - 3 * DAY;
  const shown = Array.from({ length: (7 * DAY) / MINUTE }, (_, minute) => wall(zone, fromMs + minute * MINUTE));
  const firstDay = Date.parse(`${shown[0]?.slice(0, 10)}T00:00Z`);
  const found: { fromMs: number; untilMs: number }[] = [];
  for (let day = firstDay + DAY; day < firstDay + 7 * DAY; day += DAY) {
    const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
    if (days.length > 0 && !days.includes(new Date(day).getUTCDay() || 7)) continue;
    const nextDay = end <= start || end === "24:00";
    const until = `${date(nextDay ? day + DAY : day)} ${end === "24:00" ? "00:00" : end}`;
    const began = shown.findIndex((text) => text >= `${date(day)} ${start}`);
    const ended = shown.findLastIndex((text) => text < until) + 1;
    if (began < 0 || ended >= shown.length) continue;
    found.push({ fromMs: fromMs + began * MINUTE, untilMs: fromMs + ended * MINUTE });
  }
  // Where one ends another may hold already: the time between them may be passed over.
  const until = (ms: number) =>
    Math.max(ms, ...found.filter((each) => each.fromMs <= ms && ms < each.untilMs).map(({ untilMs }) => untilMs));
  const first = until(nowMs);
  return first === nowMs ? undefined : until(until(first));
}

test("agree with looking at the clock on the wall every minute, in every kind of zone, over thirty years", { timeout: 60_000 }, () => {
  const time = fc.tuple(fc.nat(23), fc.nat(59)).map((parts) => parts.map((part) => String(part).padStart(2, "0")).join(":"));
  // Most times near those at which clocks are set.
  const early = fc
    .tuple(fc.constantFrom("23", "00", "01", "02", "03"), fc.constantFrom("00", "01", "15", "30", "59"))
    .map((parts) => parts.join(":"));
  const any = fc.oneof(time, early, early);
  const hours = fc
    .record({ start: any, end: fc.oneof(any, any, fc.constant("24:00")), days: fc.subarray([1, 2, 3, 4, 5, 6, 7]) })
    .filter(({ start, end }) => start !== end && !(start === "00:00" && end === "24:00"));
  const moment = fc.constantFrom(...zones).chain((zone) => {
    const anytime = fc.integer({ min: Date.UTC(2005, 0, 10), max: Date.UTC(2034, 11, 1) });
    const days = changes.get(zone) as number[];
    const near = fc.tuple(
      fc.constantFrom(...(days.length > 0 ? days : [Date.UTC(2020, 1, 29)])),
      fc.integer({ min: -30 * 60, max: 20 * 60 }),
    );
    const nowMs = fc.oneof(anytime, ...Array.from({ length: 3 }, () => near.map(([day, minutes]) => day + minutes * MINUTE)));
    return fc.record({ zone: fc.constant(zone), nowMs });
  });
  let quiet = 0;
  fc.assert(
    fc.property(moment, hours, ({ zone, nowMs }, hours) => {
      const found = quietUntil(hours, zone, nowMs);
      expect(found).toBe(looked(hours, zone, nowMs));
      if (found !== undefined) quiet++;
    }),
    { numRuns: 250 },
  );
  expect(quiet).toBeGreaterThan(50);
});
