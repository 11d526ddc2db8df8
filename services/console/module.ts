/** Console: the pages, and what only development has: the mailbox and tokens for the gateway. */
import { z } from "zod";
import { port } from "#platform/config/fields.ts";
import type { Module } from "#platform/host.ts";
import { mailRoutes } from "./mail.ts";
import type { Mailbox } from "./mailbox.ts";
import { pageRoutes } from "./pages.ts";
import { tokenRoute } from "./token.ts";

const config = z.object({
  "smtp-sink-port": port().default(1025).meta({ description: "The development mailbox's SMTP port, on 127.0.0.1. 0 picks a free one." }),
});

export interface ConsoleNeeds {
  readonly mailbox: () => Mailbox;
  readonly mintToken: (userId: string) => Promise<string>;
}

export const consoleRoom = ({ mailbox, mintToken }: ConsoleNeeds): Module<z.output<typeof config>> => ({
  name: "console",
  config,
  build: (_config, { client }) => ({
    routes: [...pageRoutes(client), ...mailRoutes(mailbox), tokenRoute(mintToken)],
  }),
});
