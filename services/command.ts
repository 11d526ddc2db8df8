/** What the commands beside the service share: its settings, and what is wrong told as a sentence. */
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";
import { DatabaseError } from "#platform/sql/errors.ts";
import { describedModules } from "./modules.ts";
import type { ProcessSettings } from "./process.ts";
import { settingsFile } from "./settings-file.ts";

/** The settings of each module by its name. */
export type AllSettings = ReturnType<typeof loadConfig>;

/** Runs `work` with the settings that the service would start with, and prints the sentence that it answers, if any. */
export async function runCommand(
  env: NodeJS.ProcessEnv,
  work: (settings: ProcessSettings, all: AllSettings) => string | undefined | Promise<string | undefined>,
): Promise<void> {
  try {
    const all = loadConfig(describedModules(), env, settingsFile(env));
    const said = await work(all.get("process") as ProcessSettings, all);
    if (said !== undefined) process.stdout.write(`${said}\n`);
  } catch (error) {
    if (![ConfigProblem, DatabaseError, EngineRefusal].some((told) => error instanceof told)) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
