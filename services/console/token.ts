/** POST /dev/token: a token for the gateway, for anybody; development only. */
import { Problem } from "#domain/errors.ts";
import { didYouMean } from "#domain/near.ts";
import type { Route } from "#platform/rpc/route.ts";

const FIELD = "user_id";

export const tokenRoute = (mintToken: (userId: string) => Promise<string>): Route => ({
  method: "POST",
  path: "/dev/token",
  json: true,
  async handle({ body }) {
    const userId = userIdOf(body);
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: JSON.stringify({ token: await mintToken(userId) }),
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
