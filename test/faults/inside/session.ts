/** A session with Kafka, with points before and after positions are committed. */
import { type CommittedOffsets, Session as Real } from "#platform/log/kafka/session.ts";
import { passing } from "./points.ts";

export { HEARTBEAT_MS, SESSION_MS } from "#platform/log/kafka/session.ts";

export class Session extends Real {
  override commit(topics: CommittedOffsets): Promise<void> {
    return passing("commit", () => super.commit(topics));
  }
}
