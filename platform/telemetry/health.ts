/**
 * For whoever watches the process: /healthz says that it lives (restart it when it does not), /readyz whether to send it work.
 *
 * Both are answered while it drains; /readyz then says no. A balancer needs the status; why not is for those who run it, since it names
 * engines and their errors.
 */
import type { HttpRequest, Route } from "#platform/rpc/route.ts";

export interface Readiness {
  readonly ok: boolean;
  /** Why not, one sentence each; or, where it takes work all the same, what of it does not get on. */
  readonly why: readonly string[];
}

/** Of a part of the process. */
export interface Health {
  readonly ok: boolean;
  readonly why?: string | readonly string[];
}

/** Ready when every part is. */
export const together = (parts: readonly Health[]): Readiness => ({
  ok: parts.every(({ ok }) => ok),
  why: parts.flatMap(({ why = [] }) => why),
});

/** Whether whoever asks hears why. */
export type HearsWhy = (request: Pick<HttpRequest, "headers" | "address">) => boolean | Promise<boolean>;

const json = (status: number, body: unknown) => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" },
  body: JSON.stringify(body),
});

export const healthRoutes = (ready: () => Readiness, hearsWhy: HearsWhy): Route[] => [
  { method: "GET", path: "/healthz", scope: "none", probe: true, handle: () => json(200, { ok: true }) },
  {
    method: "GET",
    path: "/readyz",
    scope: "none",
    probe: true,
    async handle(request) {
      const { ok, why } = ready();
      return json(ok ? 200 : 503, (await hearsWhy(request)) ? { ok, why } : { ok });
    },
  },
];
