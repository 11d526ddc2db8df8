/** Which modules a process runs: those it is told to, or all. */
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import type { Module } from "#platform/host.ts";
import type { ProcessSettings } from "./process.ts";

/** What has settings and nothing else comes along with every process. */
const isAlways = ({ name }: Module): boolean => ["process", "places", "engines"].includes(name);

/** Without those that every process has. */
export const namesOf = (modules: readonly Module[]): string[] => modules.filter((each) => !isAlways(each)).map(({ name }) => name);

export function chosen(names: readonly string[], modules: readonly Module[], settings: ProcessSettings): readonly Module[] {
  const known = namesOf(modules);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new ConfigProblem([`There is no module ${unknown.join(", ")}; there are ${known.join(", ")}.`]);
  const isPart = names.length > 0 && names.length < known.length;
  // Part of the modules on SQLite would be a mesh without anything between its parts.
  if (isPart && settings.adapters === "embedded")
    throw new ConfigProblem([
      `The embedded form runs all modules in one process: start it without naming any, or set ${variableOf("adapters")} to mesh.`,
    ]);
  if (isPart && settings["service-secret"] === undefined)
    throw new ConfigProblem([`${variableOf("service-secret")} must be set, the same for all processes: the others know this one by it.`]);
  return names.length === 0 ? modules : modules.filter((module) => isAlways(module) || names.includes(module.name));
}
