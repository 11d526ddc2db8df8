/**
 * Which integrations an environment's mails go to: the configured ones only where the environment is known to be live, and the built-in
 * mailbox everywhere else. This is the one place that chooses, so it is here that a test environment reaches nobody.
 *
 * Development mode is configured for its own environment, which is a test environment: what it leaves behind reaches nobody either when
 * production goes on with its data.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { AccessService, EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { DEVELOPMENT, type Mode } from "#platform/config/mode.ts";
import type { Given } from "#platform/host.ts";
import type { Route } from "./integration.ts";

export interface ChoiceNeeds {
  readonly mode: Mode;
  /** What the settings say. */
  readonly configured: Route;
  /** The built-in mailbox of an environment. */
  readonly mailboxOf: (environment: string) => Route;
  readonly client: Given["client"];
}

/** What an environment is for never changes, so it is asked once. Undefined: there is no such environment. Rejects while nobody can say. */
export function choosing({ mode, configured, mailboxOf, client }: ChoiceNeeds): (environment: string) => Promise<Route | undefined> {
  const known = new Map<string, Route>(mode === "development" ? [[DEVELOPMENT, configured]] : []);

  return async (environment) => {
    const chosen = known.get(environment);
    if (chosen) return chosen;
    const kind = await kindOf(environment);
    // One that is not there yet may be made later.
    if (kind === undefined) return undefined;
    const route = kind === EnvironmentKind.LIVE ? configured : mailboxOf(environment);
    known.set(environment, route);
    return route;
  };

  async function kindOf(name: string): Promise<EnvironmentKind | undefined> {
    try {
      return (await client(AccessService, name).getEnvironment({})).environment?.kind;
    } catch (error) {
      if (ConnectError.from(error).code === Code.NotFound) return undefined;
      throw error;
    }
  }
}
