/** The addresses of channels: each by its own grammar, in its normal form. Pure. */
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { normaliseEmail } from "./email.ts";

/** Undefined for what is no address of the channel, and for a channel without addresses. */
export const channelAddress = (channel: Channel, text: string): string | undefined =>
  channel === Channel.EMAIL ? normaliseEmail(text) : undefined;
