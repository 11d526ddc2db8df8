/** `npm run check-config -- FILE`: whether a process would start with these settings, without starting one. */
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import { describedModules } from "./modules.ts";
import { readSettingsFile } from "./settings-file.ts";

const [path, ...more] = process.argv.slice(2);
if (path === undefined || more.length > 0) {
  process.stderr.write("Which file? npm run check-config -- FILE\n");
  process.exit(2);
}
try {
  const file = readSettingsFile(path);
  loadConfig(describedModules(), {}, file);
  process.stdout.write(`${path} is right: ${file.settings.size} settings.\n`);
} catch (error) {
  if (!(error instanceof ConfigProblem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
