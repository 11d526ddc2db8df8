import fc from "fast-check";
import { expect, it } from "vitest";
import { type Permit, permitsOf } from "./permits.ts";

const open = new AbortController().signal;

it("permits are given to as many as there are, then in the order asked", async () => {
  const permits = permitsOf(2);
  const order: string[] = [];
  const first = await permits.take(open);
  const second = await permits.take(open);
  const waiting = ["a", "b"].map((name) => permits.take(open).then(() => order.push(name)));
  first.give();
  await waiting[0];
  expect(order).toEqual(["a"]);
  second.give();
  await waiting[1];
  expect(order).toEqual(["a", "b"]);
});

it("who gives up waiting for a permit takes none from the next", async () => {
  const permits = permitsOf(1);
  const held = await permits.take(open);
  const leaving = new AbortController();
  const gone = permits.take(leaving.signal);
  const next = permits.take(open);
  leaving.abort(new Error("called off"));
  await expect(gone).rejects.toThrow("called off");
  await expect(permits.take(leaving.signal)).rejects.toThrow("called off");
  held.give();
  await next;
});

it("who stands aside makes room for the next at once", async () => {
  const permits = permitsOf(1);
  const slow = await permits.take(open);
  const next = permits.take(open);
  slow.standAside();
  (await next).give();
  slow.give();
  await permits.take(open);
});

it("as many stand aside as there are permits, and all are used, whoever comes and goes", async () => {
  const steps = fc.array(fc.constantFrom("take", "aside", "give"), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, fc.infiniteStream(fc.nat()), async (count, plan, picks) => {
      const permits = permitsOf(count);
      const held: { readonly permit: Permit; isAside: boolean }[] = [];
      let waiting = 0;
      for (const step of plan) {
        const at = (picks.next().value as number) % Math.max(1, held.length);
        const picked = held[at];
        if (step === "take") {
          waiting++;
          void permits.take(open).then((permit) => {
            waiting--;
            held.push({ permit, isAside: false });
          });
        } else if (picked && step === "give") {
          held.splice(at, 1);
          picked.permit.give();
        } else if (picked && !picked.isAside) {
          picked.isAside = true;
          picked.permit.standAside();
        }
        await new Promise((resolve) => setImmediate(resolve));
        const aside = Math.min(count, held.filter(({ isAside }) => isAside).length);
        expect(held.length - aside).toBeLessThanOrEqual(count);
        if (waiting > 0) expect(held.length - aside).toBe(count);
      }
    }),
    { numRuns: 100 },
  );
});
