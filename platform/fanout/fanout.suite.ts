/** What every Fanout holds to. `open` answers two ends of one fan-out: what one publishes the other hears. */
import { describe, expect, it, vi } from "vitest";
import type { Fanout } from "./fanout.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: Uint8Array) => new TextDecoder().decode(message);
const never = () => {
  throw new Error("nothing was missed");
};

export function fanoutSuite(name: string, open: () => Promise<{ readonly here: Fanout; readonly there: Fanout }>): void {
  describe(`fan-out ${name}`, () => {
    const opened = async () => {
      const { here, there } = await open();
      const heard: string[] = [];
      const listen = (channel: string, as = "") => there.subscribe(channel, (message) => heard.push(as + text(message)), never);
      const publish = (channel: string, ...messages: string[]) => {
        for (const message of messages) here.publish(channel, bytes(message));
      };
      /** Whatever was published before has arrived, where it was going to. */
      const arrived = async () => {
        let isThere = false;
        const last = await there.subscribe("last", () => (isThere = true), never);
        publish("last", "");
        await vi.waitFor(() => expect(isThere).toBe(true), soon);
        last.end();
      };
      return { here, there, heard, listen, publish, arrived };
    };

    it("brings what is published from the moment that a subscription stands, in order", async () => {
      const { heard, listen, publish, arrived } = await opened();
      publish("development/ann", "too early");
      await arrived();
      await listen("development/ann");
      const messages = Array.from({ length: 200 }, (_, place) => `m${place}`);
      publish("development/ann", ...messages);
      await arrived();
      expect(heard).toEqual(messages);
    });

    it("brings a message as it was given, byte for byte", async () => {
      const { here, there } = await opened();
      const heard: Uint8Array[] = [];
      await there.subscribe("development/ann", (message) => heard.push(message), never);
      const whole = new Uint8Array([9, 0, 255, 10, 13, 9]);
      here.publish("development/ann", whole.subarray(1, 5));
      here.publish("development/ann", new Uint8Array());
      await vi.waitFor(() => expect(heard).toHaveLength(2), soon);
      expect(heard).toEqual([new Uint8Array([0, 255, 10, 13]), new Uint8Array()]);
    });

    it("keeps channels apart, whatever their names", async () => {
      const { heard, listen, publish, arrived } = await opened();
      const names = ["development/ann", "production/ann", "development/an", "notification:development/ann", "development/ü 😀*?[a]"];
      for (const each of names) await listen(each, `${each}: `);
      for (const each of names) publish(each, "hello");
      publish("development/nobody", "hello");
      await arrived();
      expect(heard.sort()).toEqual(names.map((each) => `${each}: hello`).sort());
    });

    it("brings it to everybody who listens, and to who listens twice two times", async () => {
      const { heard, listen, publish, arrived } = await opened();
      await Promise.all([listen("c", "a "), listen("c", "b "), listen("c", "b ")]);
      publish("c", "1");
      await arrived();
      expect(heard.sort()).toEqual(["a 1", "b 1", "b 1"]);
    });

    it("brings nothing to who has ended, everything to the others, and takes who comes again", async () => {
      const { heard, listen, publish, arrived } = await opened();
      const one = await listen("c", "one ");
      const other = await listen("c", "other ");
      one.end();
      one.end();
      publish("c", "1");
      await arrived();
      other.end();
      publish("c", "2");
      await arrived();
      const again = listen("c", "again ");
      await again;
      publish("c", "3");
      await arrived();
      expect(heard).toEqual(["other 1", "again 3"]);
    });

    it("may be ended by a listener while it hears", async () => {
      const { there, heard, listen, publish, arrived } = await opened();
      const one = await there.subscribe(
        "c",
        () => {
          heard.push("one");
          one.end();
        },
        never,
      );
      await listen("c", "other ");
      publish("c", "1", "2");
      await arrived();
      expect(heard).toEqual(["one", "other 1", "other 2"]);
    });
  });
}
