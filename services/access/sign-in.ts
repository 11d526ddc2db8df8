/** Signing in: whoever presents a key that may read begins a session with it. A wrong one counts like anywhere else. */
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { demand } from "#platform/rpc/admission.ts";
import type { Authenticate } from "#platform/rpc/call.ts";
import { type Presented, presented } from "./credential.ts";
import type { Sessions } from "./session.ts";

export interface SignIn {
  /** The value of Set-Cookie. Throws Problem: for a key that is none, as every call would; for one that may not read, PERMISSION_DENIED. */
  begin(key: string, address: string, isSecure: boolean): Promise<string>;
  end(isSecure: boolean): string;
}

export const signingIn = (authenticate: Authenticate, sessions: Sessions): SignIn => ({
  async begin(key, address, isSecure) {
    const authorization = `Bearer ${key.trim()}`;
    const known = presented(authorization);
    // What is no credential at all may not even fit into a header.
    const principal = await authenticate(new Headers(known ? { authorization } : {}), address);
    demand(Scope.READ, principal);
    return sessions.begin(known as Presented, isSecure);
  },
  end: sessions.end,
});
