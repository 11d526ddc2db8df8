import { expect, it } from "vitest";
import { permitsOf } from "./permits.ts";

const open = new AbortController().signal;

it("permits are given to as many as there are, then in the order asked", async () => {
  const permits = permitsOf(2);
  const order: string[] = [];
  const first = await permits.take(open);
  const second = await permits.take(open);
  const waiting = ["a", "b"].map((name) => permits.take(open).then(() => order.push(name)));
  first();
  await waiting[0];
  expect(order).toEqual(["a"]);
  second();
  await waiting[1];
  expect(order).toEqual(["a", "b"]);
});

it("who gives up waiting for a permit takes none from the next", async () => {
  const permits = permitsOf(1);
  const give = await permits.take(open);
  const leaving = new AbortController();
  const gone = permits.take(leaving.signal);
  const next = permits.take(open);
  leaving.abort(new Error("called off"));
  await expect(gone).rejects.toThrow("called off");
  await expect(permits.take(leaving.signal)).rejects.toThrow("called off");
  give();
  await next;
});

it("a permit that is given back twice is one permit", async () => {
  const permits = permitsOf(1);
  const give = await permits.take(open);
  give();
  give();
  await permits.take(open);
  let taken = false;
  void permits.take(open).then(() => {
    taken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toBe(false);
});
