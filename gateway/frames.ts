/** Frames as text: what a browser sent, read strictly, and what the gateway says. */
import { create, fromJsonString, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { type ClientFrame, ClientFrameSchema, ServerFrameSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";

export type Told = NonNullable<MessageInitShape<typeof ServerFrameSchema>["frame"]>;

/** Undefined for what the contract does not know. */
export function readFrame(text: string): ClientFrame["frame"] | undefined {
  try {
    return fromJsonString(ClientFrameSchema, text).frame;
  } catch {
    return undefined;
  }
}

export const writeFrame = (frame: Told): string => toJsonString(ServerFrameSchema, create(ServerFrameSchema, { frame }));
