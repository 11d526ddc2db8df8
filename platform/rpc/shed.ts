/**
 * Shedding, as the doors see it: a call of some methods loads the process from its first byte until it is answered, and may be refused
 * while its body arrives, or while it waits for its turn to be decoded, a large one part by part. Who is refused, and when, is the shedder's: ingest has one.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { createContextKey } from "@connectrpc/connect";

/** What one call takes of the process. */
export interface Load {
  /** Whose it is, once that is known. */
  readonly of: (environment: string) => void;
  /** So many bytes more are held for it, or fewer. Throws Problem OVERLOADED when there is no room; then its body is to be forgotten. */
  readonly hold: (bytes: number) => void;
  /** Calls back, once at most, when it has to make room for others. */
  readonly onShed: (forget: (why: Error) => void) => void;
  /** Its turn to have so many bytes of it decoded. Rejects with Problem OVERLOADED. */
  readonly decode: (bytes: number) => Promise<void>;
  /** It was answered. */
  readonly leave: () => void;
}

export interface Arrival {
  readonly headers: Headers;
  readonly requestId: string;
}

export interface Shedder {
  /** The unary methods that it stands before. Routes name theirs. */
  readonly methods: readonly DescMethod[];
  enter(arrival: Arrival): Load;
}

/** The load that a call came in with, for the method that answers it. */
export const loadKey = createContextKey<Load | undefined>(undefined, { description: "load" });
