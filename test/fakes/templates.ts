/** The templates' room by itself: the real service over SQLite, and a client of it, on a clock that the test moves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { type SourceSchema, TemplatesService } from "#gen/carillon/templates/v1/templates_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { type Versions, versionsOf } from "#platform/render/versions.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { templatesService } from "../../services/templates/service.ts";
import { sqliteTemplateStore } from "../../services/templates/store.sqlite.ts";

export type SourceInit = MessageInitShape<typeof SourceSchema>;

/** Where there are none, and nobody to ask. */
export const withoutTemplates = (clock: Clock): Versions =>
  versionsOf({ client: createClients({ rpc: () => [], clock, logger: pino({ level: "silent" }), metrics: new Registry() }), clock });

export async function templatesRoom(clock: Clock) {
  const folder = mkdtempSync(join(tmpdir(), "carillon-templates-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const store = await sqliteTemplateStore(database);
  const routes = (router: ConnectRouter) => router.service(TemplatesService, templatesService(store, clock));
  const client = createClients({ rpc: () => [routes], clock, logger: pino({ level: "silent" }), metrics: new Registry() });
  const templates = client(TemplatesService, "development");
  return {
    ...{ client, templates, store },
    /** The number of the version that is live now. */
    async publish(name: string, source: SourceInit): Promise<number> {
      const there = await templates.getTemplate({ name }).catch(() => undefined);
      if (there) await templates.updateDraft({ name, source });
      else await templates.createTemplate({ name, source });
      return (await templates.publish({ name })).template?.liveVersion ?? 0;
    },
    async close(): Promise<void> {
      await database.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export type TemplatesRoom = Awaited<ReturnType<typeof templatesRoom>>;

/** An order, paid: by email in two locales, by web in one. */
export const orderPaid = (more: SourceInit = {}): SourceInit => ({
  defaultLocale: "en",
  inputSchema: {
    type: "object",
    required: ["order"],
    properties: {
      name: { type: "string" },
      order: {
        type: "object",
        required: ["total"],
        properties: { total: { type: "number" }, items: { type: "array", items: { type: "object" } } },
      },
    },
  },
  contents: [
    {
      channel: Channel.EMAIL,
      locale: "en",
      title: "Paid: {{order.total}}",
      body: "Thank you, {{name}}.\n{{#each order.items}}\n- {{title}}\n{{/each}}",
      html: "<p>Thank you, {{name}}.</p>{{#each order.items}}<li>{{title}}</li>{{/each}}",
    },
    {
      channel: Channel.EMAIL,
      locale: "pt",
      title: "Pago: {{order.total}}",
      body: "Obrigado, {{name}}.",
      html: "<p>Obrigado, {{name}}.</p>",
    },
    { channel: Channel.WEB, locale: "en", title: "Paid", body: "{{name}}, we have your {{order.total}}." },
  ],
  ...more,
});
