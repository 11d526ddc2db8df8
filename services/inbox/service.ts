/** InboxService: what proto/carillon/inbox/v1 promises. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { formatCursor, parseCursor } from "#domain/cursor.ts";
import { Problem } from "#domain/errors.ts";
import { type InboxService, MessageSchema } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { InboxStore, Row } from "./store.ts";

const PAGE = 50;

const messageOf = (row: Row) => create(MessageSchema, { ...row, seq: BigInt(row.seq), createdAtMs: BigInt(row.createdAtMs) });

export const inboxService = (store: InboxStore): ServiceImpl<typeof InboxService> => ({
  async listMessages({ userId, cursor, limit, afterNotificationId }, context) {
    const { environment } = principalOf(context);
    const most = limit === 0 ? PAGE : limit;
    const { epoch, topSeq } = await store.box(environment, userId);
    const after = cursor === "" && afterNotificationId !== "" ? await store.seqOf(environment, userId, afterNotificationId) : undefined;
    const from = after !== undefined ? { epoch, seq: after } : cursor === "" ? undefined : parseCursor(cursor);
    if (cursor !== "" && !from)
      throw new Problem("INVALID_REQUEST", { violations: [{ field: "cursor", description: 'must be "epoch:seq", as answered before' }] });
    const continues = from !== undefined && from.epoch === epoch && from.seq <= topSeq;
    const start = continues ? from.seq : Math.max(0, topSeq - most);
    const rows = await store.after(environment, userId, start, most);
    const [first] = rows;
    // A row right after the cursor is missing: the cursor reaches beyond what is kept.
    if (continues && first && first.seq !== start + 1) {
      const newest = await store.after(environment, userId, Math.max(0, topSeq - most), most);
      return answer(newest, { epoch, topSeq, reset: true, given: cursor });
    }
    return answer(rows, { epoch, topSeq, reset: from !== undefined && !continues, given: cursor });
  },
});

function answer(rows: readonly Row[], { epoch, topSeq, reset, given }: { epoch: string; topSeq: number; reset: boolean; given: string }) {
  const last = rows.at(-1)?.seq;
  const cursor = last === undefined ? (reset ? "" : given) : formatCursor({ epoch, seq: last });
  return { messages: rows.map(messageOf), cursor, more: last !== undefined && last < topSeq, topSeq: BigInt(topSeq), reset };
}
