/** `npm run backup -- FILE`: a copy of the database, made while the service runs or while it does not. */
import { resolve } from "node:path";
import { backUp } from "#platform/sqlite/backup.ts";
import { runCommand } from "./command.ts";
import { databaseFile } from "./database-file.ts";

const [path, ...more] = process.argv.slice(2);
if (path === undefined || more.length > 0) {
  process.stderr.write("Which file? npm run backup -- FILE\n");
  process.exit(2);
}
await runCommand(process.env, (settings) => {
  const to = resolve(path);
  const from = resolve(databaseFile(settings["data-dir"]));
  const bytes = backUp(from, to);
  return `Backed up ${from} to ${to}: ${bytes} bytes.`;
});
