/** What the commands beside the service share: its settings, and what is wrong told as a sentence. */
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import { DatabaseError } from "#platform/sqlite/errors.ts";
import { describedModules } from "./modules.ts";
import type { ProcessSettings } from "./process.ts";
import { settingsFile } from "./settings-file.ts";

/** Runs `work` with the settings that the service would start with, and prints the sentence that it answers. */
export async function runCommand(env: NodeJS.ProcessEnv, work: (settings: ProcessSettings) => string | Promise<string>): Promise<void> {
  try {
    const settings = loadConfig(describedModules(), env, settingsFile(env)).get("process") as ProcessSettings;
    process.stdout.write(`${await work(settings)}\n`);
  } catch (error) {
    if (!(error instanceof ConfigProblem || error instanceof DatabaseError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
