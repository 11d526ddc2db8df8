/** A host of an engine as settings name it: a name or an address, IPv6 in brackets, and where it is asked for a port. Pure. */
const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/;
const HIGHEST_PORT = 65_535;

/** host or host:port. */
export function isHost(text: string): boolean {
  const [whole, port = "1"] = HOST.exec(text) ?? [];
  return whole !== undefined && Number(port) >= 1 && Number(port) <= HIGHEST_PORT;
}

/** host:port. */
export const isHostAndPort = (text: string): boolean => /:\d+$/.test(text) && isHost(text);
