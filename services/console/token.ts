/**
 * POST /gateway/token: a token for the gateway, for any person of the caller's environment, and where to open it. Whoever holds a key that
 * may send hands these out to the browsers of people that they have signed in themselves. POST /dev/token is the same for development's pages.
 */
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "#platform/rpc/route.ts";
import { onlyField } from "./only-field.ts";
import type { SocketUrl } from "./socket-url.ts";

const FIELD = "user_id";

export type MintToken = (environment: string, userId: string) => Promise<string>;

export interface TokenNeeds {
  readonly mintToken: MintToken;
  readonly socketUrl: SocketUrl;
}

export const tokenRoute = ({ mintToken, socketUrl }: TokenNeeds, path: string): Route => ({
  method: "POST",
  path,
  scope: Scope.SEND,
  json: true,
  async handle({ body, environment, baseUrl }) {
    const userId = onlyField(body, FIELD, wrong) as string;
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: JSON.stringify({ token: await mintToken(environment, userId), url: socketUrl(baseUrl) }),
    };
  },
});

const wrong = (userId: unknown) =>
  typeof userId === "string" && /^[^~\s\p{C}][^\s\p{C}]{0,127}$/u.test(userId)
    ? undefined
    : "must be 1 to 128 printable characters without blanks, and not begin with ~";
