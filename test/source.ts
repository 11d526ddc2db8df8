/** The project's own source files as the house rules see them: path, text, and which files each one names. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["domain", "platform", "services", "gateway", "clients", "deploy", "test"];

export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without its comments. */
  readonly code: string;
  readonly lines: number;
  /** Every specifier as written: imports, dynamic imports, and files named by `new URL("./…", import.meta.url)`. */
  readonly names: readonly string[];
  /** The project's files among them, from the root. */
  readonly uses: readonly string[];
}

const NAMED = [/\b(?:from|import)\s*"([^"\n]+)"/g, /\bimport\s*\(\s*"([^"\n]+)"/g, /\bnew URL\(\s*"(\.[^"\n]+)"\s*,\s*import\.meta\.url/g];

export function readSources(): Source[] {
  return FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => (/\.(ts|mjs)$/.test(name) || name === "browser/carillon-bell.js") && !name.includes("node_modules"))
      .map((name) => read(posix.join(folder, name.replaceAll("\\", "/")))),
  );
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[\s;{}(,])\/\/.*$/gm, "$1");
  const names = NAMED.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] as string));
  const uses = names.flatMap((name) => {
    if (name.startsWith("#")) return [name.slice(1)];
    return name.startsWith(".") ? [posix.join(dirname(path), name)] : [];
  });
  return { path, text, code, lines: text.split("\n").length - 1, names, uses };
}
