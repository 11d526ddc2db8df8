/**
 * TrackerService: what proto/carillon/tracker/v1 promises, derived from the history on every read.
 *
 * The history runs a moment behind the log. Until it knows the request itself, ingest is asked for what it acknowledged,
 * and the ledger for who of those was erased since: what ingest keeps forgets nobody before its time.
 */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { notFound, Problem } from "#domain/errors.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Notification, TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { Given } from "#platform/host.ts";
import { principalOf } from "#platform/rpc/interceptors.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { attemptsOf } from "./attempts.ts";
import { daysOf, formatDate } from "./days.ts";
import { eraseFrom, tellable } from "./erase.ts";
import { explain } from "./explain.ts";
import { decodeRequested, erasedHistory, type History, readHistory } from "./history.ts";
import { notificationOf } from "./notification.ts";
import { formatPageToken, furtherOf, parsePageToken } from "./page.ts";
import type { HistoryStore, Place } from "./store.ts";
import { watch } from "./watch.ts";

const PAGE_SIZE = 50;
/** A page of large notifications ends early; its token goes on from there. */
const PAGE_BYTES = 4 * 1_024 * 1_024;
/** Notifications whose events are read at once. */
const AT_ONCE = 50;
/** What a watcher who finds no place is told to wait. */
const FULL_RETRY_MS = 5_000;

export function trackerService(
  store: HistoryStore,
  given: Pick<Given, "client" | "fanout" | "clock" | "ledger">,
  { mostWatchers }: { readonly mostWatchers: number },
): ServiceImpl<typeof TrackerService> {
  let watchers = 0;

  async function historyFor(notificationId: string, context: HandlerContext): Promise<History> {
    const { environment } = principalOf(context);
    const [events = []] = await store.eventsOf(environment, [notificationId]);
    const history = readHistory(notificationId, events);
    if (history.requested) return history;
    const accepted = await acceptedFor(notificationId, environment, context);
    if (accepted) {
      const asked = decodeRequested(accepted);
      const requested = await tellable(asked, given.ledger);
      return requested ? { ...history, requested } : erasedHistory(notificationId, asked.acceptedAtMs);
    }
    if (events.length === 0) throw notFound(`notification "${notificationId}"`);
    return history;
  }

  /** What ingest acknowledged, encoded; undefined where it knows of nothing (any more). */
  async function acceptedFor(notificationId: string, environment: string, context: HandlerContext): Promise<Uint8Array | undefined> {
    const timeoutMs = context.timeoutMs();
    const options = { signal: context.signal, ...(timeoutMs !== undefined && { timeoutMs }) };
    try {
      return (await given.client(IngestService, environment).getAccepted({ notificationId }, options)).requested;
    } catch (error) {
      if (problemFrom(error).reason === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** As many of the places, from the first on, as fit into a page. */
  async function readPage(environment: string, places: readonly Place[]): Promise<Notification[]> {
    const page: Notification[] = [];
    let size = 0;
    for (let from = 0; from < places.length && size < PAGE_BYTES; from += AT_ONCE) {
      const ids = places.slice(from, from + AT_ONCE).map(({ notificationId }) => notificationId);
      for (const [index, events] of (await store.eventsOf(environment, ids)).entries()) {
        if (size >= PAGE_BYTES) break;
        size += events.reduce((sum, { length }) => sum + length, 0);
        page.push(notificationOf(readHistory(ids[index] as string, events)));
      }
    }
    return page;
  }

  return {
    async eraseHistory({ userId, acceptedByMs }, context) {
      const { environment } = principalOf(context);
      return { more: await eraseFrom(store, given.ledger, { environment, userId, acceptedByMs: Number(acceptedByMs) }) };
    },

    async getNotification({ notificationId }, context) {
      return { notification: notificationOf(await historyFor(notificationId, context)) };
    },

    async listNotifications({ userId, fromMs, toMs, pageSize, pageToken }, context) {
      const { environment } = principalOf(context);
      const end: Place = { acceptedAtMs: toMs > 0n ? Number(toMs) : Number.MAX_SAFE_INTEGER, notificationId: "" };
      const after = pageToken === "" ? end : furtherOf(end, parsePageToken(pageToken));
      const limit = pageSize || PAGE_SIZE;
      const listing = { environment, userId: userId || undefined, fromMs: Number(fromMs), after };
      // One more than asked for tells whether there is another page.
      const places = await store.list({ ...listing, limit: limit + 1 });
      const notifications = await readPage(environment, places.slice(0, limit));
      const last = places[notifications.length - 1];
      const more = last !== undefined && notifications.length < places.length;
      return { notifications, nextPageToken: more ? formatPageToken(last) : "" };
    },

    async listAttempts({ notificationId }, context) {
      return { attempts: attemptsOf(await historyFor(notificationId, context)) };
    },

    async explain({ notificationId }, context) {
      return { steps: explain(await historyFor(notificationId, context)) };
    },

    async getStats(request, context) {
      const { environment } = principalOf(context);
      const stats = await store.stats({ environment, ...daysOf(request) });
      return { stats: stats.map(({ day, count, ...of }) => ({ ...of, date: formatDate(day), count: BigInt(count) })) };
    },

    async *watchNotification({ notificationId }, context) {
      if (watchers >= mostWatchers) throw new Problem("TOO_MANY_WATCHERS", { retryAfterMs: FULL_RETRY_MS });
      watchers++;
      try {
        const read = () => historyFor(notificationId, context);
        yield* watch({ environment: principalOf(context).environment, notificationId, read, signal: context.signal }, given);
      } finally {
        watchers--;
      }
    },
  };
}
