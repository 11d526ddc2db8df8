import { expect, it } from "vitest";
import { recipientFaults } from "#domain/recipient.ts";

it("a person named with two addresses is a fault, since one of them would not be heard", () => {
  const recipients = [
    { userId: "ann", email: "a@example.test" },
    { userId: "bo", email: "" },
    { userId: "ann", email: "b@example.test" },
    { userId: "bo", email: "bo@example.test" },
  ];
  expect(recipientFaults(recipients)).toEqual([
    { field: "recipients[2]", description: "must not name the person of recipients[0] with another address" },
    { field: "recipients[3]", description: "must not name the person of recipients[1] with another address" },
  ]);
});

it("named twice alike is harmless, and so are bare addresses", () => {
  const twice = { userId: "ann", email: "a@example.test" };
  expect(recipientFaults([twice, twice, { userId: "", email: "x@example.test" }, { userId: "", email: "y@example.test" }])).toEqual([]);
});
