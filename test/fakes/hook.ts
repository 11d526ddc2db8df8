/** A receiver of webhooks that answers as the test says, or never. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Hook {
  readonly url: string;
  readonly bodies: Record<string, unknown>[];
  /** Of the next answers; "hang": none comes. */
  status: number | "hang";
}

export async function openHook(): Promise<Hook> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      hook.bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      if (hook.status !== "hang") response.writeHead(hook.status, { location: "http://127.0.0.1:1/" }).end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const hook: Hook = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies: [], status: 200 };
  return hook;
}
