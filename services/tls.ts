/** The certificate that the settings name, looked at before anything listens: what is wrong with it is a sentence, not a port that hangs up. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import type { TlsFiles } from "#platform/rpc/grpc.ts";

/** Undefined where none is named. Throws ConfigProblem. */
export function tlsOf(settings: {
  readonly "tls.cert"?: string | undefined;
  readonly "tls.key"?: string | undefined;
}): TlsFiles | undefined {
  const { "tls.cert": certFile, "tls.key": keyFile } = settings;
  if (certFile === undefined || keyFile === undefined) return undefined;
  const [cert, key] = [read("tls.cert", certFile), read("tls.key", keyFile)];
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new ConfigProblem([
      `${variableOf("tls.cert")} and ${variableOf("tls.key")} must be PEM files of one certificate and its key, without a passphrase.`,
    ]);
  }
  return { certFile, keyFile };
}

function read(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new ConfigProblem([`${variableOf(setting)} is ${JSON.stringify(file)}, which cannot be read (${code}).`]);
  }
}
