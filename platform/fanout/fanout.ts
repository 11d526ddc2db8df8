/**
 * Fan-out, as a port: wakes the gateways that hold connections of a person. Nothing is kept; who missed a message re-reads the inbox.
 */
export interface Fanout {
  /** `channel` is `environment/user_id`. Fire and forget. */
  publish(channel: string, message: Uint8Array): void;
  /** Resolves when messages published from now on will arrive. */
  subscribe(channel: string, listener: (message: Uint8Array) => void): Promise<Subscription>;
}

export interface Subscription {
  end(): void;
}
