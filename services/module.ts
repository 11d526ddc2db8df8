/** `npm run module -- NAME …`: the named modules in this process; without a name it says which there are, and starts nothing. */
import { namesOf } from "./chosen.ts";
import { describedModules } from "./modules.ts";

if (process.argv.length <= 2) {
  const names = namesOf(describedModules() as Parameters<typeof namesOf>[0]);
  process.stderr.write(`Which module? npm run module -- NAME …; there are ${names.join(", ")}. npm start runs all of them.\n`);
  process.exit(2);
}
await import("./main.ts");
