/** TLS on the way in, which is the process's own affair in every form. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { grpcurl, MAKING_MS, noGo } from "../world/languages.ts";
import { startWorld, type World } from "../world/world.ts";

const production = { CARILLON_MODE: "production" };
const files = { cert: join(import.meta.dirname, "../fakes/tls/cert.pem"), key: join(import.meta.dirname, "../fakes/tls/key.pem") };

let secure: World;
beforeAll(async () => {
  secure = await startWorld({ env: { ...production, CARILLON_TLS_CERT: files.cert, CARILLON_TLS_KEY: files.key } });
});
afterAll(() => secure.stop());

it("the way to a production process may be TLS, and then nothing else", async () => {
  expect(secure.url).toMatch(/^https:\/\/localhost:\d+$/);
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const options = {
      method: "POST",
      ca: readFileSync(files.cert),
      headers: { authorization: `Bearer ${secure.credential}`, "content-type": "application/json" },
    };
    const asked = request(`${secure.url}/api/v1/notifications`, options, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", reject);
    asked.end('{"user_id":"ann","event_type":"x","content":"Hi"}');
  });
  expect(answer.status).toBe(202);
  expect(JSON.parse(answer.body).watch).toMatch(`${secure.url}/n/`);
  await expect(fetch(secure.url.replace("https", "http"))).rejects.toThrow();
});

it("the gRPC port speaks TLS then too, and nothing else", async () => {
  const notification = { recipients: [{ userId: "ann" }], content: { title: "Hi" } };
  const headers = { authorization: `Bearer ${secure.credential}` };
  const sent = (scheme: string) => {
    const baseUrl = `${scheme}://${secure.grpcAddress}`;
    const transport = createGrpcTransport({ baseUrl, nodeOptions: { ca: readFileSync(files.cert) } });
    return createClient(IngestService, transport).send(notification, { headers });
  };
  expect((await sent("https")).notificationId).not.toBe("");
  await expect(sent("http")).rejects.toThrow();
});

it.skipIf(noGo)("grpcurl goes through TLS by the certificate, and not by another one", { timeout: MAKING_MS }, async () => {
  const program = await grpcurl();
  const list = (cert: string) =>
    promisify(execFile)(program, [
      ...["-cacert", cert, "-H", `authorization: Bearer ${secure.credential}`, "-max-time", "10"],
      ...[secure.grpcAddress, "list"],
    ]);
  expect((await list(files.cert)).stdout).toContain("carillon.ingest.v1.IngestService");
  await expect(list(join(import.meta.dirname, "../fakes/tls/elsewhere-cert.pem"))).rejects.toThrow("certificate");
});

it.each([
  ["a certificate that is not there", { CARILLON_TLS_CERT: "/nowhere.pem", CARILLON_TLS_KEY: files.key }, "CARILLON_TLS_CERT"],
  ["a certificate that is none", { CARILLON_TLS_CERT: files.key, CARILLON_TLS_KEY: files.key }, "must be PEM files of one certificate"],
  ["a certificate without its key", { CARILLON_TLS_CERT: files.cert }, "must come with CARILLON_TLS_KEY"],
  [
    "TLS in development",
    { CARILLON_MODE: "development", CARILLON_TLS_CERT: files.cert, CARILLON_TLS_KEY: files.key },
    "CARILLON_MODE=production",
  ],
])("%s stops the start with a sentence", async (_what, env, sentence) => {
  await expect(startWorld({ env: { ...production, ...env } })).rejects.toThrow(sentence);
});
