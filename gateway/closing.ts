/** Close codes: 3000-3499 connect again, 3500-3999 do not. */
export const closing = {
  away: { code: 3000, reason: "the gateway is going away" },
  slow: { code: 3001, reason: "the connection reads too slowly" },
  silent: { code: 3002, reason: "no heartbeat" },
  failed: { code: 3003, reason: "the inbox could not be read" },
  late: { code: 3004, reason: "no hello in time" },
  expired: { code: 3005, reason: "the token has expired" },
  badToken: { code: 3500, reason: "the token is wrong or has expired" },
  badFrame: { code: 3501, reason: "hello is expected first, and frames as the contract says" },
  tooMany: { code: 3502, reason: "too many connections" },
} as const;

export type Closing = (typeof closing)[keyof typeof closing];
