/** The words of a delivery, for whoever hands it over: inline content as it is, a template's filled in. */
import type { Reason } from "#domain/reasons.ts";
import { type Content, ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, UsedTemplateSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { decode } from "#platform/protobuf/codec.ts";
import { TemplateProblem } from "./problem.ts";
import type { Versions } from "./versions.ts";

/** Why there can never be any words. Names nobody. */
export interface Unworded {
  readonly unsendable: Extract<Reason, "undecodable" | "render_failed">;
  readonly detail: string;
}

type Worded = Pick<Delivery, "environment" | "channel" | "locale" | "content" | "template">;

/** Rejects only with what passes by itself. */
export type WordsOf = (delivery: Worded) => Promise<Content | Unworded>;

export const wordsOf =
  (versions: Versions): WordsOf =>
  async (delivery) =>
    delivery.template.length === 0 ? inline(delivery.content) : filledIn(versions, delivery);

function inline(content: Uint8Array): Content | Unworded {
  try {
    return decode(ContentSchema, content);
  } catch {
    return { unsendable: "undecodable", detail: "content is not a carillon.common.v1.Content" };
  }
}

async function filledIn(versions: Versions, { environment, channel, locale, template }: Worded): Promise<Content | Unworded> {
  let used: ReturnType<typeof decoded>;
  try {
    used = decoded(template);
  } catch {
    return { unsendable: "undecodable", detail: "template is not a carillon.event.v1.UsedTemplate" };
  }
  const named = `template "${used.name}" version ${used.version}`;
  const source = await versions.version(environment, used.name, used.version);
  if (!source) return { unsendable: "render_failed", detail: `${named}: there is no such published version` };
  try {
    return source.fill(channel, locale, used.data ?? {}).content;
  } catch (error) {
    if (!(error instanceof TemplateProblem)) throw error;
    return { unsendable: "render_failed", detail: `${named}: ${error.message}` };
  }
}

const decoded = (template: Uint8Array) => decode(UsedTemplateSchema, template);
