/**
 * What the Dockerfile makes, without Docker: its instructions done one after the other in a temporary folder, with this machine's Node.
 *
 * It knows the instructions and forms that the Dockerfile has, and refuses others. Which user runs it, and that nothing may be written, it
 * cannot show.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export interface Image {
  /** What stands for the container's root. */
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
  remove(): void;
}

type Stage = Omit<Image, "remove">;

const context = fileURLToPath(new URL("../../", import.meta.url));
const told = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
const meaningful = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

export function buildImage(): Image {
  const folder = mkdtempSync(join(tmpdir(), "carillon-image-"));
  const stages = new Map<string, Stage>();
  let last = "";
  for (const line of meaningful(told("./Dockerfile"))) {
    const [instruction = "", ...words] = line.split(" ");
    if (instruction === "FROM") {
      last = words[2] ?? "last";
      const root = join(folder, last);
      mkdirSync(root);
      stages.set(last, { root, workdir: root, env: {}, user: "root", entrypoint: [] });
    } else stages.set(last, next(stages.get(last) as Stage, instruction, words, stages));
  }
  return { ...(stages.get(last) as Stage), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function next(stage: Stage, instruction: string, words: readonly string[], stages: ReadonlyMap<string, Stage>): Stage {
  const rest = words.join(" ");
  switch (instruction) {
    case "WORKDIR": {
      const workdir = join(stage.root, rest);
      mkdirSync(workdir, { recursive: true });
      return { ...stage, workdir };
    }
    case "COPY":
      copy(stage, words, stages);
      return stage;
    case "RUN":
      execFileSync("sh", ["-c", rest], { cwd: stage.workdir, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...stage.env } });
      return stage;
    case "ENV": {
      const [name = "", value = ""] = rest.split("=");
      return { ...stage, env: { ...stage.env, [name]: value } };
    }
    case "USER":
      return { ...stage, user: rest };
    case "ENTRYPOINT":
      return { ...stage, entrypoint: JSON.parse(rest) as string[] };
    case "EXPOSE":
      return stage;
    default:
      throw new Error(`the Dockerfile has an instruction that is not known here: ${instruction}`);
  }
}

function copy(stage: Stage, words: readonly string[], stages: ReadonlyMap<string, Stage>): void {
  const from = words[0]?.startsWith("--from=") ? stages.get(words[0].slice("--from=".length)) : undefined;
  const [destination = "", ...sources] = words.slice(from ? 1 : 0).toReversed();
  for (const source of sources) {
    const path = join(from?.root ?? context, source);
    // A folder's contents are copied, a file goes into a folder.
    const to = join(stage.workdir, destination, destination.endsWith("/") ? basename(path) : "");
    mkdirSync(dirname(to), { recursive: true });
    // Nobody looks at the other stage again, and its packages are many files.
    if (from) renameSync(path, to);
    else cpSync(path, to, { recursive: true, filter: (each) => isInContext(relative(context, each)) });
  }
}

/** By Dockerfile.dockerignore, of which the last line that fits decides; a folder is entered for what may be in it. */
function isInContext(path: string): boolean {
  let isIn = true;
  for (const line of meaningful(told("./Dockerfile.dockerignore"))) {
    if (line === "*") isIn = false;
    else if (line.startsWith("!")) isIn ||= `${path}/`.startsWith(`${line.slice(1)}/`) || line.slice(1).startsWith(`${path}/`);
    else if (line.startsWith("**/*.")) isIn &&= !path.endsWith(line.slice("**/*".length));
    else throw new Error(`Dockerfile.dockerignore has a line that is not known here: ${line}`);
  }
  return isIn;
}
