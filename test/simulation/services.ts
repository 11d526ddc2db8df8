/** The services that are called, as their callers reach them: the real ones, over stores that outlive processes. */
import { create, type DescMethod, type DescService, type MessageInitShape } from "@bufbuild/protobuf";
import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import { notFound } from "#domain/errors.ts";
import { InboxService } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { TrackerService } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Given } from "#platform/host.ts";
import { principalKey } from "#platform/rpc/call.ts";
import { inboxService } from "../../services/inbox/service.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import type { CategoryStore } from "../../services/preferences/categories.ts";
import { erasing } from "../../services/preferences/erasing.ts";
import { preferencesService } from "../../services/preferences/service.ts";
import type { PreferenceStore } from "../../services/preferences/store.ts";
import type { SuppressionStore } from "../../services/preferences/suppressions.ts";
import { trackerService } from "../../services/tracker/service.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import { ENVIRONMENT } from "./load.ts";
import { silent } from "./rooms.ts";

/** Of a call by somebody who may do everything. */
export const context = {
  values: createContextValues().set(principalKey, { environment: ENVIRONMENT, internal: true, scopes: [] }),
  signal: new AbortController().signal,
  timeoutMs: () => undefined,
} as unknown as HandlerContext;

/** One call's answer, as its caller gets it. */
export type Answer = (request: object) => Promise<object>;
type Answers = Readonly<Record<string, Answer>>;

type Handler = (request: object, context: HandlerContext) => object | Promise<object>;

export function answering(service: DescService, implementation: object): Answers {
  const unary = service.methods.filter(({ methodKind }) => methodKind === "unary");
  const answered =
    ({ localName, input, output }: DescMethod) =>
    async (request: object) => {
      const handle = (implementation as Readonly<Record<string, Handler>>)[localName] as Handler;
      const asked = create(input, request as MessageInitShape<typeof input>);
      return create(output, (await handle(asked, context)) as MessageInitShape<typeof output>);
    };
  return Object.fromEntries(unary.map((method) => [method.localName, answered(method)]));
}

export interface Stores {
  readonly people: PreferenceStore;
  readonly categories: CategoryStore;
  readonly suppressions: SuppressionStore;
  readonly history: HistoryStore;
  readonly inbox: InboxStore;
  /** What ingest acknowledged, encoded, by notification. */
  readonly accepted: ReadonlyMap<string, Uint8Array>;
}

export function servicesOf(
  { people, categories, suppressions, history, inbox, accepted }: Stores,
  { clock, ledger }: Pick<Given, "clock" | "ledger">,
): ReadonlyMap<DescService, Answers> {
  const ingest = {
    async getAccepted({ notificationId }: { notificationId: string }) {
      const requested = accepted.get(notificationId);
      if (!requested) throw notFound(`notification "${notificationId}"`);
      return { requested };
    },
  };
  const asked = answering(IngestService, ingest);
  const given = { clock, ledger, fanout: memoryFanout(), client: (() => asked) as unknown as Given["client"] };
  const { erase } = erasing({ ...given, people, suppressions, logger: silent });
  const preferences = preferencesService({ people, categories, suppressions, clock, ledger, erase });
  return new Map<DescService, Answers>([
    [IngestService, asked],
    [PreferencesService, answering(PreferencesService, preferences)],
    [TrackerService, answering(TrackerService, trackerService(history, given, { mostWatchers: 0 }))],
    [InboxService, answering(InboxService, inboxService(inbox))],
  ]);
}
