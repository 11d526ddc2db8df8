/** A load of one gRPC call repeated over a few HTTP/2 connections, many at once on each. Bounded in count; ends by itself. */
import { type ClientHttp2Session, connect } from "node:http2";

export interface GrpcLoad {
  readonly port: number;
  readonly path: string;
  readonly message: Uint8Array;
  readonly connections: number;
  /** Calls under way on each connection. */
  readonly atOnce: number;
  readonly requests: number;
}

/** Answers calls a second, each of them answered with status 0. */
export async function runGrpc({ port, path, message, connections, atOnce, requests }: GrpcLoad): Promise<number> {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  const body = Buffer.concat([prefix, message]);
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  let left = requests;
  const sessions = Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
  const one = (session: ClientHttp2Session) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request(headers);
      let status: unknown;
      const take = (met: Record<string, unknown>) => {
        status = met["grpc-status"] ?? status;
      };
      stream.on("response", take).on("trailers", take).on("error", reject);
      stream.on("end", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${status}`))));
      stream.resume();
      stream.end(body);
    });
  const startedMs = performance.now();
  await Promise.all(
    sessions.flatMap((session) =>
      Array.from({ length: atOnce }, async () => {
        while (left-- > 0) await one(session);
      }),
    ),
  );
  const rate = requests / ((performance.now() - startedMs) / 1_000);
  for (const session of sessions) session.close();
  return rate;
}
