/**
 * Which addresses of the network are nobody's business of a stranger's: loopback, and what is not on the public internet (IANA's special-
 * purpose registries). Who posts to a URL that somebody configured asks here, or the URL would reach whatever this machine can reach.
 */
import { BlockList, isIP } from "node:net";

/** What may be reached: public addresses only, this machine too, or everything. */
export type Reach = "public" | "loopback" | "private";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** One list each: in a common one an address of version 4 counts as the one of version 6 that carries it. */
const special = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  special.ipv4.addSubnet(net, bits, "ipv4");
// Besides their own these hold the ranges that carry an IPv4 address inside: mapped, NAT64, Teredo and 6to4.
for (const [net, bits] of [
  ["::", 96],
  ["::ffff:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const)
  special.ipv6.addSubnet(net, bits, "ipv6");

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** Of what is no address: not. */
export const isPublic = (address: string): boolean => isIP(address) !== 0 && !special[familyOf(address)].check(address, familyOf(address));

export function mayReach(address: string, reach: Reach): boolean {
  if (isIP(address) === 0) return false;
  return reach === "private" || isPublic(address) || (reach === "loopback" && loopback.check(address, familyOf(address)));
}
