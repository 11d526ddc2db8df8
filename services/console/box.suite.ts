/** What every keeper of mailboxes holds to; each adapter's test calls it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Boxes } from "./box.ts";

const mail = (subject: string, more: { id?: string; to?: string[]; bytes?: number } = {}) => ({
  ...{ raw: Buffer.from(`Subject: ${subject}\r\n\r\n${"x".repeat(more.bytes ?? 1)}`), from: "a@example.test" },
  ...{ to: more.to ?? ["b@example.test"], ...(more.id !== undefined && { id: more.id }) },
});

export const boxSuite = (name: string, open: () => Promise<Boxes>): void => {
  describe(`mailboxes on ${name}`, () => {
    let boxes: Boxes;
    beforeEach(async () => {
      boxes = await open();
    });
    const subjects = async (environment: string, wanted = {}) => (await boxes(environment).messages(wanted)).map(({ subject }) => subject);

    it("keep a mail with its envelope, and find it by its id", async () => {
      const box = boxes("staging");
      await box.keep(mail("Grüße", { to: ["b@example.test", "c@example.test"] }));
      const [kept] = await box.messages();
      expect(kept).toMatchObject({ subject: "Grüße", from: "a@example.test", to: ["b@example.test", "c@example.test"] });
      expect(await box.message(kept?.id as string)).toEqual(kept);
      expect(await box.message("another")).toBeUndefined();
    });

    it("keep bytes as they came, whatever they are", async () => {
      const box = boxes("staging");
      await box.keep({ raw: Buffer.from([0xff, 0xfe, 0x0d, 0x0a, 0x00, 0x41]), from: "", to: [] });
      expect(await box.messages()).toHaveLength(1);
    });

    it("show the newest first, as many as are wanted, and those to one whole address in any case", async () => {
      const box = boxes("staging");
      for (const subject of ["One", "Two", "Three"]) await box.keep(mail(subject));
      await box.keep(mail("Other", { to: ["xb@example.test", "D@example.test"] }));
      expect(await subjects("staging")).toEqual(["Other", "Three", "Two", "One"]);
      expect(await subjects("staging", { limit: 2 })).toEqual(["Other", "Three"]);
      expect(await subjects("staging", { to: "B@EXAMPLE.test", limit: 2 })).toEqual(["Three", "Two"]);
      expect(await subjects("staging", { to: "d@example.test" })).toEqual(["Other"]);
    });

    it("of two mails with one id keep the first, and nothing changes", async () => {
      const box = boxes("staging");
      await box.keep(mail("First", { id: "m-1" }));
      const before = await box.version();
      await box.keep(mail("Again", { id: "m-1" }));
      expect([await subjects("staging"), await box.version()]).toEqual([["First"], before]);
      expect((await box.message("m-1"))?.subject).toBe("First");
    });

    it("hold each environment's own: filled and emptied without the others' noticing", async () => {
      const [staging, qa] = [boxes("staging"), boxes("qa")];
      await staging.keep(mail("For staging"));
      const [kept] = await staging.messages();
      const before = await qa.version();
      for (let at = 0; at < 1_001; at++) await staging.keep(mail(`Number ${at}`));
      expect([await qa.messages(), await qa.message(kept?.id as string), await qa.version()]).toEqual([[], undefined, before]);
      await qa.keep(mail("For qa"));
      await staging.empty();
      expect([await subjects("qa"), await subjects("staging")]).toEqual([["For qa"], []]);
    });

    it("forget the oldest over a thousand mails, and know them no more", async () => {
      const box = boxes("staging");
      for (let at = 0; at <= 1_000; at++) await box.keep(mail(`Number ${at}`, { id: `m-${at}` }));
      const shown = await subjects("staging");
      expect([shown.length, shown[0], shown.at(-1)]).toEqual([1_000, "Number 1000", "Number 1"]);
      expect(await box.message("m-0")).toBeUndefined();
      await box.keep(mail("Come again", { id: "m-0" }));
      expect((await subjects("staging", { limit: 2 }))[0]).toBe("Come again");
    });

    it("forget the oldest over 64 MiB", async () => {
      const box = boxes("staging");
      for (let at = 0; at < 33; at++) await box.keep(mail(`Number ${at}`, { bytes: 2 * 1024 * 1024 }));
      const shown = await subjects("staging");
      expect([shown.length, shown[0], shown.at(-1)]).toEqual([31, "Number 32", "Number 2"]);
      await box.empty();
      await box.keep(mail("Small"));
      expect(await subjects("staging")).toEqual(["Small"]);
    });

    it("have another version after each change", async () => {
      const box = boxes("staging");
      const versions = [await box.version()];
      await box.keep(mail("One"));
      versions.push(await box.version());
      await box.keep(mail("Two"));
      versions.push(await box.version());
      await box.empty();
      versions.push(await box.version());
      expect(new Set(versions).size).toBe(4);
      expect(await box.version()).toBe(versions.at(-1));
      expect(await box.messages()).toEqual([]);
    });
  });
};
