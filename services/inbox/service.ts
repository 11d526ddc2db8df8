/** InboxService: what proto/carillon/inbox/v1 promises. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Cursor, formatCursor, parseCursor } from "#domain/cursor.ts";
import { Problem } from "#domain/errors.ts";
import { type InboxService, MessageSchema } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import type { InboxStore, Row } from "./store.ts";

const PAGE = 50;

const messageOf = (row: Row) => create(MessageSchema, { ...row, seq: BigInt(row.seq), createdAtMs: BigInt(row.createdAtMs) });

export const inboxService = (store: InboxStore): ServiceImpl<typeof InboxService> => ({
  async eraseInbox({ userId }, context) {
    await store.erase(principalOf(context).environment, userId);
    return {};
  },

  async listMessages({ userId, cursor, limit, afterNotificationId }, context) {
    const { environment } = principalOf(context);
    const given = cursor === "" ? undefined : parseCursor(cursor);
    if (cursor !== "" && !given)
      throw new Problem("INVALID_REQUEST", { violations: [{ field: "cursor", description: 'must be "epoch:seq", as answered before' }] });
    const most = limit === 0 ? PAGE : limit;
    const { epoch, topSeq } = await store.box(environment, userId);
    const after = given || afterNotificationId === "" ? undefined : await store.seqOf(environment, userId, afterNotificationId);
    const from = after === undefined ? given : { epoch, seq: after };
    if (from && from.epoch === epoch && from.seq <= topSeq) {
      const rows = await store.after(environment, userId, from.seq, most);
      // Without the row right after it, the cursor reaches beyond what is kept.
      if (rows.length === 0 || rows[0]?.seq === from.seq + 1) return answer(rows, { epoch, topSeq, from });
    }
    // Rows that came since would have no epoch to be told with.
    const newest = epoch === "" ? [] : await store.after(environment, userId, Math.max(0, topSeq - most), most);
    // Who named a place that is not known (any more) has a gap before these.
    return { ...answer(newest, { epoch, topSeq }), reset: from !== undefined || (!given && afterNotificationId !== "") };
  },
});

function answer(rows: readonly Row[], { epoch, topSeq, from }: { epoch: string; topSeq: number; from?: Cursor }) {
  const last = rows.at(-1);
  const at = last ? { epoch, seq: last.seq } : from;
  const top = Math.max(topSeq, last?.seq ?? 0);
  return { messages: rows.map(messageOf), cursor: at ? formatCursor(at) : "", more: (at?.seq ?? 0) < top, topSeq: BigInt(top) };
}
