/** Whom an address belongs to, for counting: an IPv4 address is somebody, and so is an IPv6 network of 64 bits, the least that one is given. */

const MAPPED = /^0:0:0:0:0:ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const groups = groupsOf(address.toLowerCase());
  const mapped = MAPPED.exec(groups.join(":"));
  if (!mapped) return `${groups.slice(0, 4).join(":")}::/64`;
  const bits = (Number.parseInt(mapped[1] as string, 16) << 16) | Number.parseInt(mapped[2] as string, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

/** The eight groups of 16 bits, without leading zeros. */
function groupsOf(address: string): string[] {
  const [front = "", back] = address.replace(/%.*$/, "").split("::");
  const head = pairsOf(front);
  const tail = pairsOf(back ?? "");
  const gap = back === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array<string>(gap).fill("0"), ...tail];
}

/** A dotted end, as in ::ffff:192.0.2.1, is two groups. */
const pairsOf = (text: string): string[] =>
  text === ""
    ? []
    : text.split(":").flatMap((group) => {
        const bytes = group.split(".").map(Number);
        if (bytes.length !== 4) return [Number.parseInt(group, 16).toString(16)];
        const [a = 0, b = 0, c = 0, d = 0] = bytes;
        return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
      });
