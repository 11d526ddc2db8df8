import { expect, it } from "vitest";
import { openBoxes } from "./box.ts";

const mail = (subject: string) => ({ raw: Buffer.from(`Subject: ${subject}\r\n\r\nx`), from: "a@example.test", to: ["b@example.test"] });

it("an environment's box holds its own mails, and is emptied and filled without the others' noticing", async () => {
  const boxes = openBoxes();
  const [staging, qa] = [boxes("staging"), boxes("qa")];
  staging.keep(mail("For staging"));
  const [kept] = await staging.messages();
  expect(kept?.subject).toBe("For staging");
  expect(boxes("staging")).toBe(staging);
  const before = qa.version();
  for (let at = 0; at < 1_001; at++) staging.keep(mail(`Number ${at}`));
  expect([await qa.messages(), await qa.message(kept?.id as string), qa.version()]).toEqual([[], undefined, before]);
  qa.keep(mail("For qa"));
  staging.empty();
  expect((await qa.messages()).map(({ subject }) => subject)).toEqual(["For qa"]);
});
