/**
 * The template of a record that was let in: the live version pinned, where its writer left it open, and the data checked. What ingest has
 * accepted comes pinned and keeps its version.
 */
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { encode } from "#platform/protobuf/codec.ts";
import { pin } from "#platform/render/pin.ts";
import type { Versions } from "#platform/render/versions.ts";
import type { Admitted } from "./admission.ts";
import { Refusal } from "./refusal.ts";

/** The same where there is nothing to pin. Rejects while the templates cannot be read. */
export async function pinned(admitted: Admitted, versions: Versions): Promise<Admitted | Refusal> {
  const { asked } = admitted;
  if (!asked.template) return admitted;
  const { pinned: template, violations } = await pin(versions, asked.environment, asked.template, asked.channels);
  if (!template) return new Refusal("invalid", violations, asked.notificationId);
  const isOpen = asked.template.version === 0 || asked.template.channels.length === 0 || asked.template.locale !== template.locale;
  if (!isOpen) return admitted;
  const settled = { ...asked, template };
  return { asked: settled, requested: encode(NotificationRequestedSchema, settled) };
}
