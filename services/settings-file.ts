/** The file that settings are read from: CARILLON_CONFIG, or carillon.yaml where the process was started. */
import { existsSync, readFileSync } from "node:fs";
import { ConfigProblem } from "#platform/config/config.ts";
import { readSettings, type SettingsFile } from "#platform/config/file.ts";

const USUAL = "carillon.yaml";

export function settingsFile(env: NodeJS.ProcessEnv): SettingsFile | undefined {
  const named = env.CARILLON_CONFIG || undefined;
  if (named === undefined && !existsSync(USUAL)) return undefined;
  const file = readSettingsFile(named ?? USUAL);
  if (file.settings.has("config")) throw new ConfigProblem([`${file.name}: config names the file itself; set it in the environment.`]);
  return file;
}

export function readSettingsFile(path: string): SettingsFile {
  try {
    return readSettings(path, readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigProblem([`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`]);
  }
}
