/**
 * The inbox's store, as a port: per person rows that count 1, 2, 3 … within an epoch. Its suite is store.suite.ts.
 *
 * A delivery that is among a person's rows is a repeat and keeps its first seq. Only the newest rows of a person are kept.
 */
export interface Row {
  readonly seq: number;
  readonly deliveryId: string;
  readonly notificationId: string;
  readonly eventType: string;
  readonly category: string;
  readonly title: string;
  readonly body: string;
  readonly createdAtMs: number;
}

export interface NewRow extends Omit<Row, "seq"> {
  readonly environment: string;
  readonly userId: string;
}

export type DeliveryPlace = Pick<NewRow, "environment" | "userId" | "deliveryId">;

export interface Placed {
  readonly epoch: string;
  readonly seq: number;
  readonly createdAtMs: number;
}

export interface Box {
  /** Empty for a person without rows. */
  readonly epoch: string;
  readonly topSeq: number;
}

export interface InboxStore {
  /** Where each row stands, in order. When it fails some of them may have been stored: a repeat finds those where they stand. */
  add(rows: readonly NewRow[]): Promise<readonly Placed[]>;
  /** Where each delivery stands already; undefined for one that is not among the person's rows. In order. */
  placed(deliveries: readonly DeliveryPlace[]): Promise<readonly (Placed | undefined)[]>;
  box(environment: string, userId: string): Promise<Box>;
  /** Rows after `seq`, oldest first. */
  after(environment: string, userId: string, seq: number, limit: number): Promise<readonly Row[]>;
  /** Deletes what there is of a person. What comes afterwards begins a new epoch. */
  erase(environment: string, userId: string): Promise<void>;
  /** The seq of the row that a notification came by. */
  seqOf(environment: string, userId: string, notificationId: string): Promise<number | undefined>;
}
