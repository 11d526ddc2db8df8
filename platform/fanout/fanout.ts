/**
 * Fan-out, as a port: wakes whoever holds a connection that waits for something: the gateways of a person, the watchers of a notification.
 * Nothing is kept; who missed a message re-reads the store behind it. Its suite is fanout.suite.ts.
 */
export interface Fanout {
  /** `channel` is `environment/user_id`, or `notification:environment/notification_id`. Fire and forget. */
  publish(channel: string, message: Uint8Array): void;
  /**
   * Resolves when messages published from now on will arrive; rejects as UNAVAILABLE when they would not. `missed` is called when some may
   * have been lost since: read what stands behind them. Neither may throw.
   */
  subscribe(channel: string, listener: (message: Uint8Array) => void, missed: () => void): Promise<Subscription>;
}

export interface Subscription {
  end(): void;
}
