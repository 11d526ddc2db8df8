/**
 * The pages and what they are made of, read once at the start.
 *
 * Scripts and styles come from here only, nothing is inline, and no page asks another site for anything. Pages hold no data: their scripts
 * fetch it from the contracts that every client uses.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Given } from "#platform/host.ts";
import type { HttpReply, HttpRequest, Route } from "#platform/rpc/route.ts";
import { toSignIn } from "./sign-in.ts";
import type { SocketUrl } from "./socket-url.ts";

const folder = new URL("./pages/", import.meta.url);
const bell = new URL("../../clients/browser/carillon-bell.js", import.meta.url);
const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Firefox and Safari took long to let 'self' stand for a WebSocket, and the gateway may be elsewhere, so it is named. */
const policy = (socketUrl: string): string =>
  [
    "default-src 'self'",
    `connect-src 'self' ${new URL(socketUrl).origin}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

type Mode = "development" | "production";

/** Of the header: where people sign in, who did. */
const corner: Readonly<Record<Mode, string>> = {
  development: '<span class="mode">development</span>',
  production:
    '<span class="mode" id="who">…</span><button class="button quiet" id="sign-out" type="button">Sign out</button>' +
    '<script type="module" src="/assets/session.js"></script>',
};

const links: Readonly<Record<Mode, string>> = {
  development:
    '<a href="/">Overview</a><a href="/people">People</a><a href="/dead-letters">Dead letters</a><a href="/providers">Providers</a><a href="/dev/mail">Mailbox</a><a href="/metrics">Metrics</a>',
  production:
    '<a href="/people">People</a><a href="/dead-letters">Dead letters</a><a href="/providers">Providers</a><a href="/metrics">Metrics</a>',
};

interface House {
  readonly mode: Mode;
  readonly socketUrl: SocketUrl;
  /** For whoever has no session yet: nothing leads anywhere. */
  readonly isDoor?: boolean;
}

/** A page: the layout around its `main`. `script` is its module under /assets/, if it has one. */
function page(house: House, file: string, title: string, script?: string): (request: HttpRequest, status?: number) => HttpReply {
  const { mode, socketUrl, isDoor = false } = house;
  const slots: Readonly<Record<string, string>> = {
    title,
    script: script === undefined ? "" : `<script type="module" src="/assets/${script}"></script>`,
    main: readFileSync(new URL(file, folder), "utf8"),
    ...(isDoor ? {} : { corner: corner[mode], nav: links[mode] }),
  };
  const body = readFileSync(new URL("layout.html", folder), "utf8").replaceAll(/<!--(\w+)-->/g, (_all, slot: string) => slots[slot] ?? "");
  return ({ baseUrl }, status = 200) => ({
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": policy(socketUrl(baseUrl)),
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
    },
    body,
  });
}

function asset(name: string, file: URL): Route {
  const reply: HttpReply = {
    status: 200,
    headers: { "content-type": types[name.split(".").at(-1) as string] as string, "cache-control": "no-cache" },
    body: readFileSync(file),
  };
  return { method: "GET", path: `/assets/${name}`, scope: "none", handle: () => reply };
}

/** Whether what a page is about is there. Where nobody can say, the page itself still can try. */
async function isThere(read: Promise<unknown>): Promise<boolean> {
  try {
    await read;
    return true;
  } catch (error) {
    return ConnectError.from(error).code !== Code.NotFound;
  }
}

/** What every mode has: people, what became of a notification, what could not be carried through, and by whom it goes. */
export function pageRoutes({ client, ...house }: House & Pick<Given, "client">): Route[] {
  const { mode } = house;
  const timeline = page(house, "timeline.html", "Timeline · Carillon", "timeline.js");
  const missing = page(house, "missing.html", "Not found · Carillon");
  const people = page(house, "people.html", "People · Carillon", "people.js");
  const person = page(house, "person.html", "Person · Carillon", "person.js");
  const deadLetters = page(house, "dead-letters.html", "Dead letters · Carillon", "dead-letters.js");
  const providers = page(house, "providers.html", "Providers · Carillon", "providers.js");
  const assets = readdirSync(folder).filter((name) => !name.endsWith(".html"));
  const read = { method: "GET", scope: Scope.READ, stranger: toSignIn } as const;
  return [
    {
      ...read,
      path: "/n/:id",
      async handle(request) {
        const notificationId = request.params.id as string;
        const known =
          UUID.test(notificationId) && (await isThere(client(TrackerService, request.environment).getNotification({ notificationId })));
        return known ? timeline(request) : missing(request, 404);
      },
    },
    ...(mode === "production" ? ["/", "/people"] : ["/people"]).map(
      (path): Route => ({ ...read, path, handle: (request) => people(request) }),
    ),
    {
      ...read,
      path: "/people/:id",
      async handle(request) {
        const userId = request.params.id as string;
        const known = await isThere(client(PreferencesService, request.environment).getPerson({ userId }));
        return known ? person(request) : missing(request, 404);
      },
    },
    { ...read, path: "/dead-letters", handle: (request) => deadLetters(request) },
    { ...read, path: "/providers", handle: (request) => providers(request) },
    ...assets.map((name) => asset(name, new URL(name, folder))),
    asset("carillon-bell.js", bell),
  ];
}

export const signInPage = (socketUrl: SocketUrl): Route => {
  const door = page({ mode: "production", socketUrl, isDoor: true }, "sign-in.html", "Sign in · Carillon", "sign-in.js");
  return { method: "GET", path: "/sign-in", scope: "none", handle: (request) => door(request) };
};

/** Where things are tried out. */
export function developmentPages(socketUrl: SocketUrl): Route[] {
  const house: House = { mode: "development", socketUrl };
  const home = page(house, "index.html", "Carillon", "index.js");
  const mail = page(house, "mail.html", "Mailbox · Carillon", "mail.js");
  return [
    { method: "GET", path: "/", scope: Scope.READ, handle: (request) => home(request) },
    { method: "GET", path: "/dev/mail", scope: Scope.READ, handle: (request) => mail(request) },
  ];
}
