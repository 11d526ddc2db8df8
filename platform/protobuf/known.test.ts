import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { Channel, DeliveryStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema, DeliverySchema, NotificationPrioritizedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { decodeKnown, NewerSchema } from "./known.ts";

const NEWER = 99 as number as Channel;
const of = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => toBinary(schema, create(schema, init));

it("reads what it knows, as it is", () => {
  const bytes = of(DeliverySchema, { deliveryId: "d", channel: Channel.EMAIL, priority: Priority.HIGH });
  expect(decodeKnown(DeliverySchema, bytes)).toMatchObject({ deliveryId: "d", channel: Channel.EMAIL });
  expect(decodeKnown(DeliverySchema, new Uint8Array())).toMatchObject({ deliveryId: "" });
});

it("leaves a field alone that it does not know", () => {
  const field900 = Uint8Array.of(0xa2, 0x38, 1, 65);
  const bytes = Uint8Array.of(...of(DeliverySchema, { deliveryId: "d" }), ...field900);
  expect(decodeKnown(DeliverySchema, bytes)).toMatchObject({ deliveryId: "d" });
});

it.each([
  ["of a field", () => decodeKnown(DeliverySchema, of(DeliverySchema, { channel: NEWER })), "channel = 99"],
  [
    "in a list",
    () => decodeKnown(NotificationPrioritizedSchema, of(NotificationPrioritizedSchema, { channels: [Channel.WEB, NEWER] })),
    "channels = 99",
  ],
  [
    "within a message within",
    () =>
      decodeKnown(
        DeliveryEventSchema,
        of(DeliveryEventSchema, { status: DeliveryStatus.SENT, decisions: [{ channel: Channel.WEB }, { channel: NEWER }] }),
      ),
    "decisions.channel = 99",
  ],
])("says which value %s it does not know", (_where, read, found) => {
  expect(read).toThrow(NewerSchema);
  expect(read).toThrow(found);
});
