/** The arguments of a command, read as Node reads them, with what is wrong told in a sentence that names the nearest option. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "#domain/near.ts";

export class ArgumentProblem extends Error {}

/** Throws ArgumentProblem. */
export function argumentsOf<const Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  const { options = {}, allowPositionals = false } = config;
  const { tokens } = parseArgs({ ...config, strict: false, tokens: true });
  const names = Object.keys(options).map((name) => `--${name}`);
  for (const token of tokens ?? []) {
    if (token.kind === "positional" && !allowPositionals)
      throw new ArgumentProblem(`${JSON.stringify(token.value)} is no option; there are ${names.join(", ")}.`);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const type = Object.hasOwn(options, name) ? options[name]?.type : undefined;
    if (type === undefined) throw new ArgumentProblem(`There is no option ${rawName}${didYouMean(rawName, names) || "."}`);
    if (type === "boolean" && value !== undefined) throw new ArgumentProblem(`${rawName} takes no value.`);
    if (type === "string" && (value === undefined || (!inlineValue && value.startsWith("-"))))
      throw new ArgumentProblem(`${rawName} needs a value.`);
  }
  return parseArgs(config);
}
