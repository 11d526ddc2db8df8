/** Console: the pages, the mailboxes of test environments, and tokens for the gateway. What is under /dev is development's alone. */
import { z } from "zod";
import { mode } from "#platform/config/mode.ts";
import { smtpSinkPort } from "#platform/config/smtp-sink-port.ts";
import type { Module } from "#platform/host.ts";
import type { Boxes } from "./box.ts";
import { mailRoutes } from "./mail.ts";
import { developmentPages, pageRoutes, signInPage } from "./pages.ts";
import { type SignIn, signInRoutes, whoRoute } from "./sign-in.ts";
import { publicUrl, socketUrlOf } from "./socket-url.ts";
import { type MintToken, tokenRoute } from "./token.ts";

const config = z.object({
  mode,
  "smtp-sink-port": smtpSinkPort,
  "gateway.public-url": publicUrl,
});

export interface ConsoleNeeds {
  readonly mintToken: MintToken;
  /** The base URL of the process that has the gateway; undefined: this one has it. */
  readonly gatewayAt: () => string | undefined;
  readonly signIn: () => SignIn;
}

export const consoleRoom = ({ mintToken, gatewayAt, signIn }: ConsoleNeeds): Module<z.output<typeof config>, Boxes> => ({
  name: "console",
  config,
  build({ mode, "gateway.public-url": setting }, { client }, boxes) {
    const socketUrl = socketUrlOf(setting, gatewayAt);
    const tokens = { mintToken, socketUrl };
    const development = () => [...developmentPages(socketUrl), ...mailRoutes(boxes, "/dev/mail"), tokenRoute(tokens, "/dev/token")];
    return {
      routes: [
        ...pageRoutes({ client, mode, socketUrl }),
        ...mailRoutes(boxes, "/mailbox"),
        tokenRoute(tokens, "/gateway/token"),
        whoRoute,
        ...(mode === "development" ? development() : [...signInRoutes(signIn), signInPage(socketUrl)]),
      ],
    };
  },
});
