/**
 * The pages and what they are made of, read once at the start.
 *
 * Scripts and styles come from here only; a mail's HTML is shown in a frame that may run nothing.
 */
import { readFileSync } from "node:fs";
import type { HttpReply, Route } from "#platform/rpc/route.ts";

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://localhost:* ws://127.0.0.1:*; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" } as const;

const served = (path: string, file: string): Route => {
  const type = types[file.split(".").at(-1) as keyof typeof types];
  const reply: HttpReply = {
    status: 200,
    headers: { "content-type": type, "cache-control": "no-store", ...(file.endsWith(".html") && { "content-security-policy": csp, "referrer-policy": "no-referrer" }) },
    body: readFileSync(new URL(file, import.meta.url)),
  };
  return { method: "GET", path, handle: () => reply };
};

export const pageRoutes = (): Route[] => [
  served("/", "./pages/index.html"),
  served("/n/:id", "./pages/timeline.html"),
  served("/dev/mail", "./pages/mail.html"),
  ...["style.css", "api.js", "index.js", "timeline.js", "mail.js"].map((file) => served(`/assets/${file}`, `./pages/${file}`)),
  served("/assets/carillon-bell.js", "../../clients/browser/carillon-bell.js"),
];
