/** POST /dev/token: a token for the gateway, for anybody; development only. */
import { Problem } from "#domain/errors.ts";
import type { Route } from "#platform/rpc/route.ts";

export const tokenRoute = (mintToken: (userId: string) => Promise<string>): Route => ({
  method: "POST",
  path: "/dev/token",
  json: true,
  async handle({ body }) {
    const userId = userIdOf(body);
    if (typeof userId !== "string" || !/^[^~\s\p{C}][^\s\p{C}]{0,127}$/u.test(userId))
      throw new Problem("INVALID_REQUEST", { violations: [{ field: "user_id", description: "must be 1 to 128 printable characters" }] });
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: JSON.stringify({ token: await mintToken(userId) }),
    };
  },
});

function userIdOf(body: Uint8Array): unknown {
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as { user_id?: unknown } | null)?.user_id;
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { cause });
  }
}
