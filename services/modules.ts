/** The table of modules: the architecture in one page. Order is the way of a notification. */
import { gateway } from "../gateway/module.ts";
import { access } from "./access/module.ts";
import { consoleRoom } from "./console/module.ts";
import type { SignIn } from "./console/sign-in.ts";
import type { MintToken } from "./console/token.ts";
import { deadLetters } from "./deadletters/module.ts";
import { emailWorkers } from "./delivery/module.ts";
import { dispatcherModule } from "./dispatcher/module.ts";
import { enginesModule } from "./engines.ts";
import { inbox } from "./inbox/module.ts";
import { ingest } from "./ingest/module.ts";
import { placesModule } from "./places.ts";
import { preferences } from "./preferences/module.ts";
import { processModule } from "./process.ts";
import { routerModule } from "./router/module.ts";
import { scheduler } from "./scheduler/module.ts";
import { templates } from "./templates/module.ts";
import { tracker } from "./tracker/module.ts";

/** What some modules need of the process they run in. */
export interface Needs {
  /** Where development's mailbox listens; undefined in production. */
  readonly mailbox: () => { readonly host: string; readonly port: number } | undefined;
  readonly tokenSecret: () => Uint8Array;
  readonly mintToken: MintToken;
  /** The base URL of the process that has the gateway; undefined: this one has it. */
  readonly gatewayAt: () => string | undefined;
  readonly signIn: () => SignIn;
}

/** The modules for who only reads their schemas: nothing is built, so nothing of a process is needed. */
export function describedModules() {
  const none = () => {
    throw new Error("a module used the process while it was only described");
  };
  return modulesOf({ mailbox: none, tokenSecret: none, mintToken: none, gatewayAt: none, signIn: none });
}

export const modulesOf = (needs: Needs) =>
  [
    processModule,
    placesModule,
    enginesModule,
    ingest,
    routerModule,
    dispatcherModule,
    emailWorkers({ developmentMailbox: needs.mailbox }),
    inbox,
    gateway({ secret: needs.tokenSecret }),
    scheduler,
    preferences,
    templates,
    tracker,
    deadLetters,
    access,
    consoleRoom(needs),
  ] as const;
