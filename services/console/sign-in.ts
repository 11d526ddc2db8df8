/**
 * Signing in to the pages with an API key, and out again. The page is /sign-in; the session it begins is a cookie.
 *
 * POST /session takes JSON only: no page of another site can send that without asking first, which nobody here says yes to.
 */
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { HttpReply, Route } from "#platform/rpc/route.ts";
import { onlyField } from "./only-field.ts";

const FIELD = "key";
const words: Readonly<Record<number, string>> = { [Scope.SEND]: "send", [Scope.READ]: "read", [Scope.ADMIN]: "admin" };

export interface SignIn {
  /** The value of Set-Cookie. Throws Problem where the key opens nothing, or may not read. */
  begin(key: string, address: string, isSecure: boolean): Promise<string>;
  end(isSecure: boolean): string;
}

const isSecure = (baseUrl: string): boolean => baseUrl.startsWith("https:");
const begun = (cookie: string): HttpReply => ({ status: 204, headers: { "set-cookie": cookie, "cache-control": "no-store" } });
const wrong = (value: unknown) => (typeof value === "string" ? undefined : "must be a string");

/** Who is signed in, in any mode. */
export const whoRoute: Route = {
  method: "GET",
  path: "/session",
  scope: Scope.READ,
  handle: ({ environment, scopes }) => ({
    status: 200,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify({ environment, scopes: scopes.flatMap((scope) => words[scope] ?? []) }),
  }),
};

export const signInRoutes = (signIn: () => SignIn): Route[] => [
  {
    method: "POST",
    path: "/session",
    scope: "none",
    json: true,
    async handle({ body, address, baseUrl }) {
      return begun(await signIn().begin(onlyField(body, FIELD, wrong) as string, address, isSecure(baseUrl)));
    },
  },
  {
    method: "DELETE",
    path: "/session",
    scope: "none",
    handle: ({ baseUrl }) => begun(signIn().end(isSecure(baseUrl))),
  },
];

/** A browser without a session is led to the page where one begins, and back; programs hear the plain refusal. */
export const toSignIn: NonNullable<Route["stranger"]> = ({ path, query, headers }) => {
  if (headers.has("authorization") || !headers.get("accept")?.includes("text/html")) return undefined;
  const search = query.size === 0 ? "" : `?${query}`;
  return { status: 303, headers: { location: `/sign-in?to=${encodeURIComponent(path + search)}`, "cache-control": "no-store" } };
};
