/** The words for one channel in one locale, compiled: data in, content out. */
import { create } from "@bufbuild/protobuf";
import { Channel, type Content, ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import type { Words } from "#gen/carillon/templates/v1/templates_pb.ts";
import { TemplateProblem } from "./problem.ts";
import { compileText, compileTitle, type Fill } from "./text.ts";

export interface CompiledWords {
  readonly locale: string;
  /** Throws TemplateProblem, its message beginning with the part: "html, line 3, column 14: …". */
  fill(data: unknown): Content;
}

type Part = "title" | "body" | "html";

const compilers: { readonly [part in Part]: (source: string) => Fill } = {
  title: compileTitle,
  body: (source) => compileText(source, "text"),
  html: (source) => compileText(source, "html"),
};
const parts = Object.keys(compilers) as Part[];

/** Throws TemplateProblem. */
export function compileWords(words: Words): CompiledWords {
  const fills = parts.map((part) => [part, compilers[part](words[part])] as const);
  return {
    locale: words.locale,
    fill: (data) => create(ContentSchema, Object.fromEntries(fills.map(([part, fill]) => [part, named(part, fill, data)]))),
  };
}

function named(part: Part, fill: Fill, data: unknown): string {
  try {
    return fill(data);
  } catch (cause) {
    throw new TemplateProblem(`${part}, ${(cause as Error).message}`, undefined, cause);
  }
}

export interface PartProblem {
  readonly part: string;
  readonly problem: TemplateProblem;
}

/** What is wrong with words, part by part. */
export function checkWords(words: Words): PartProblem[] {
  const found: PartProblem[] = parts.flatMap((part) => {
    try {
      compilers[part](words[part]);
      return [];
    } catch (problem) {
      return [{ part, problem: problem as TemplateProblem }];
    }
  });
  if (parts.every((part) => words[part] === "")) found.push({ part: "", problem: new TemplateProblem("needs a title, a body or html") });
  if (words.html !== "" && words.channel !== Channel.EMAIL)
    found.push({ part: "html", problem: new TemplateProblem("is for email only; write a body") });
  return found;
}
