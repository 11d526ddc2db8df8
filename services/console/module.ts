/** Console: the pages, the mailboxes of test environments, and tokens for the gateway. What is under /dev is development's alone. */
import { z } from "zod";
import { port } from "#platform/config/fields.ts";
import { mode } from "#platform/config/mode.ts";
import type { Module } from "#platform/host.ts";
import type { Boxes } from "./box.ts";
import { mailRoutes } from "./mail.ts";
import { developmentPages, pageRoutes } from "./pages.ts";
import { type MintToken, tokenRoute } from "./token.ts";

const config = z.object({
  mode,
  "smtp-sink-port": port().default(1025).meta({
    description: "The SMTP port of the development mailbox, on 127.0.0.1. 0 picks a free one. In production there is none.",
  }),
});

export interface ConsoleNeeds {
  readonly boxes: Boxes;
  readonly mintToken: MintToken;
}

export const consoleRoom = ({ boxes, mintToken }: ConsoleNeeds): Module<z.output<typeof config>> => ({
  name: "console",
  config,
  build: (settings, { client }) => ({
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
