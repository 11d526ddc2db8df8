/**
 * POST /gateway/token: a token for the gateway, for any person of the caller's environment, and where to open it. Whoever holds a key that
 * may send hands these out to the browsers of people that they have signed in themselves. POST /dev/token is the same for development's pages.
 */
import { Problem } from "#domain/errors.ts";
import { didYouMean } from "#domain/near.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Route } from "#platform/rpc/route.ts";
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
    const userId = userIdOf(body);
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: JSON.stringify({ token: await mintToken(environment, userId), url: socketUrl(baseUrl) }),
    };
  },
});

function userIdOf(body: Uint8Array): string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { cause });
  }
  const { [FIELD]: userId, ...others } = Object(json) as Readonly<Record<string, unknown>>;
  const violations = Object.keys(others).map((key) => ({ field: key, description: `unknown field${didYouMean(key, [FIELD])}` }));
  if (userId === undefined) violations.push({ field: FIELD, description: "is missing" });
  else if (typeof userId !== "string" || !/^[^~\s\p{C}][^\s\p{C}]{0,127}$/u.test(userId))
    violations.push({ field: FIELD, description: "must be 1 to 128 printable characters without blanks, and not begin with ~" });
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });
  return userId as string;
}
