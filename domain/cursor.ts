/**
 * The cursor of an inbox, "epoch:seq": the last message that somebody has seen. The same over every transport.
 *
 * Sequence numbers count 1, 2, 3 … within an epoch; 0 stands before the first. Epochs do not compare: another one means a reset.
 */
export interface Cursor {
  /** 1 to 40 of A-Z a-z 0-9 _ -. */
  readonly epoch: string;
  readonly seq: number;
}

const CURSOR = /^([A-Za-z0-9_-]{1,40}):(0|[1-9][0-9]{0,15})$/;

export const formatCursor = ({ epoch, seq }: Cursor): string => `${epoch}:${seq}`;

/** Undefined for anything that formatCursor cannot have made. */
export function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(text) ?? [];
  const seq = Number(digits);
  return epoch !== undefined && Number.isSafeInteger(seq) ? { epoch, seq } : undefined;
}
