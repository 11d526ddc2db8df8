/** Where a browser opens the gateway's WebSocket: the setting says, or it is where the gateway runs. */
import { z } from "zod";

const isSocketUrl = (text: string): boolean => URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol) && new URL(text).hash === "";

export const publicUrl = z
  .string()
  .refine(isSocketUrl, { error: "must be the URL of a WebSocket, like wss://carillon.example/ws" })
  .optional()
  .meta({
    description:
      "Where browsers open the gateway's WebSocket, handed out with each token. Left out: the address that the token was asked at, " +
      "or gateway.url (its port on this machine) where the gateway runs in another process.",
  });

/** `baseUrl` is how the caller reached us. */
export type SocketUrl = (baseUrl: string) => string;

/** `gatewayAt`: the base URL of the process that has the gateway; undefined: this one has it. */
export const socketUrlOf =
  (setting: string | undefined, gatewayAt: () => string | undefined): SocketUrl =>
  (baseUrl) =>
    setting ?? `${(gatewayAt() ?? baseUrl).replace(/^http/, "ws")}/ws`;
