/** The line by which people, and programs that start the process, learn where it answers. */
import type { RunningServer } from "#platform/rpc/server.ts";
import type { ProcessSettings } from "./process.ts";

export interface ReadyLine {
  /** The modules it was told to run; none: all. */
  readonly names: readonly string[];
  readonly server: Pick<RunningServer, "ports" | "grpcPort">;
  readonly process_: ProcessSettings;
  readonly front: boolean;
  readonly secure: boolean;
  readonly smtpPort: number | undefined;
}

export function readyLine({ names, server, process_, front, secure, smtpPort }: ReadyLine): string {
  const host = shown(process_.host);
  const [url, legacyUrl] = server.ports.map((port) => `${secure ? "https" : "http"}://${host}:${port}`);
  const which = names.length === 0 ? "Carillon" : `Carillon ${names.join("+")}`;
  if (!front) return `${which} ready ${url}`;
  const smtp = smtpPort === undefined ? "" : ` smtp 127.0.0.1:${smtpPort}`;
  const data = process_.adapters === "embedded" ? ` data ${process_["data-dir"]}` : "";
  return `${which} ready ${url} also ${legacyUrl} grpc ${host}:${server.grpcPort}${smtp}${data}`;
}

/** A name for the address to listen on that a browser of this machine can open. */
const shown = (host: string): string => {
  if (["0.0.0.0", "::", "127.0.0.1"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
};
