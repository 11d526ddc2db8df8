import { expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { DeadLettersService } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { withKeyIn } from "./repeat.ts";

const away = new Problem("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });

it.each([IngestService.method.send, IngestService.method.sendBatch, DeadLettersService.method.createReplay])(
  "$name has an idempotency key, so it is to be repeated with that",
  (method) => {
    expect(withKeyIn(away, method)).toMatchObject({
      reason: "STORE_UNAVAILABLE",
      retryAfterMs: 1_000,
      message: expect.stringMatching(/it may have been done\. Repeat with the same idempotency key\.$/),
    });
  },
);

it.each([PreferencesService.method.erasePerson, PreferencesService.method.setCategory, IngestService.method.cancel])(
  "$name has none, and is not told of one",
  (method) => {
    expect(withKeyIn(away, method)).toBe(away);
    expect(away.message).toMatch(/it may have been done\. Repeat\.$/);
  },
);

it("words of an error's own stay as they are", () => {
  const own = new Problem("STORE_UNAVAILABLE", { message: "The order is kept." });
  expect(withKeyIn(own, IngestService.method.send)).toBe(own);
});
