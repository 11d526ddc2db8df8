/**
 * What a notification says of a template, settled where it comes in: the live version is pinned and the data checked, so that everything
 * behind finds words that it can fill in, and the same ones every time.
 */
import { create } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import type { Violation } from "#domain/errors.ts";
import { normaliseLocale } from "#domain/locale.ts";
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { type UsedTemplate, UsedTemplateSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Versions } from "./versions.ts";

export interface Wanted {
  readonly name: string;
  /** 0: the live one. */
  readonly version: number;
  readonly data?: UsedTemplate["data"];
  readonly locale: string;
}

const UNKNOWN: Violation = {
  field: "template.name",
  description: "must name a template that has a live version; TemplatesService/ListTemplates has them",
};

/** Pinned, or what is wrong. */
export type Pinned =
  | { readonly pinned: UsedTemplate; readonly violations?: undefined }
  | { readonly pinned?: undefined; readonly violations: readonly Violation[] };

/** Violations name the fields as a request has them: "template.data.order.total". `channels`: those that the sender asked for. */
export async function pin(
  versions: Versions,
  environment: string,
  { name, version, data = {}, locale }: Wanted,
  channels: readonly Channel[],
): Promise<Pinned> {
  const pinned = version || (await versions.live(environment, name));
  const source = pinned === 0 ? undefined : await versions.version(environment, name, pinned);
  if (!source) return { violations: [UNKNOWN] };
  const violations: Violation[] = source.check(data).map(({ field, description }) => ({ field: `template.${field}`, description }));
  const tag = locale === "" ? "" : normaliseLocale(locale);
  if (tag === undefined) violations.push({ field: "template.locale", description: "must be a BCP 47 tag like pt-BR" });
  const without = channels.filter((channel) => !source.channels.includes(channel));
  if (without.length > 0)
    violations.push({
      field: "channels",
      description: `must be among those that the template has words for: ${source.channels.map(nameOfChannel).join(", ")}`,
    });
  if (violations.length > 0) return { violations };
  return { pinned: create(UsedTemplateSchema, { name, version: pinned, data, locale: tag ?? "", channels: [...source.channels] }) };
}
