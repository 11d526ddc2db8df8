/**
 * `npm run protoset`: writes what the contracts say as a descriptor set, for grpcurl and other clients that read one. To
 * dist/carillon.protoset, or to the path given: `npm run protoset -- FILE`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = process.argv[2] ?? "dist/carillon.protoset";

mkdirSync(dirname(file), { recursive: true });
const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin/buf"), ["build", root, "-o", `${file}#format=binpb`], {
  encoding: "utf8",
});
if (status === 0) console.log(`Wrote ${file}.`);
else {
  console.error(`buf build failed\n${stdout}${stderr}`);
  process.exitCode = 1;
}
