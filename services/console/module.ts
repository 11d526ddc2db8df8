/** Console: the pages, the mailboxes of test environments, and tokens for the gateway. What is under /dev is development's alone. */
import { z } from "zod";
import { mode } from "#platform/config/mode.ts";
import { smtpSinkPort } from "#platform/config/smtp-sink-port.ts";
import type { Module } from "#platform/host.ts";
import type { Boxes } from "./box.ts";
import { mailRoutes } from "./mail.ts";
import { developmentPages, pageRoutes } from "./pages.ts";
import { type MintToken, tokenRoute } from "./token.ts";

const config = z.object({
  mode,
  "smtp-sink-port": smtpSinkPort,
});

export interface ConsoleNeeds {
  readonly mintToken: MintToken;
}

export const consoleRoom = ({ mintToken }: ConsoleNeeds): Module<z.output<typeof config>, Boxes> => ({
  name: "console",
  config,
  build: (settings, { client }, boxes) => ({
    routes: [
      ...pageRoutes(client, settings.mode),
      ...mailRoutes(boxes, "/mailbox"),
      tokenRoute(mintToken, "/gateway/token"),
      ...(settings.mode === "development"
        ? [...developmentPages(), ...mailRoutes(boxes, "/dev/mail"), tokenRoute(mintToken, "/dev/token")]
        : []),
    ],
  }),
});
