import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "#domain/near.ts";

describe("the name that was meant", () => {
  test.each([
    ["recipeints", ["recipients", "content"], "recipients"],
    ["userId", ["user_id", "event_type"], "user_id"],
    ["USER-ID", ["user_id"], "user_id"],
    ["titel", ["title", "type"], "title"],
    ["emial", ["email", "web"], "email"],
    ["wep", ["email", "web"], "web"],
    ["webpush", ["email", "web"], "web"],
    ["hihg", ["low", "medium", "high"], "high"],
    ["id", ["notificationId", "limit"], "notificationId"],
    ["replayId", ["id"], "id"],
    ["exhausted", ["attempts_exhausted", "expired", "canceled"], "attempts_exhausted"],
  ])("%s is, of %j, %s", (written, known, name) => {
    expect(nearest(written, known)).toBe(name);
  });

  test.each([
    ["", ["web"]],
    ["sms", ["email", "web"]],
    ["telegram", ["email", "web"]],
    ["whatever", ["recipients", "content", "priority"]],
    ["customId", ["to"]],
    ["id", ["notificationId", "userId"]],
    ["_", ["id"]],
    ["x", []],
  ])("%s is none of %j", (written, known) => {
    expect(nearest(written, known)).toBeUndefined();
  });

  test("is offered as the end of a sentence, or not at all", () => {
    expect(didYouMean("recipeint", ["recipient"])).toBe('; did you mean "recipient"?');
    expect(didYouMean("sms", ["email"])).toBe("");
  });
});
