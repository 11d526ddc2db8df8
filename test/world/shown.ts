/** What a page shows: its commands with the answers below them, and how an answer compares with the one that is shown. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { World } from "./world.ts";

const root = new URL("../..", import.meta.url);

export interface Block {
  readonly language: string;
  readonly text: string;
}

export interface Command {
  readonly text: string;
  /** The block after it, whatever that is. */
  readonly answer: Block | undefined;
}

/** `path` within the project. */
export const blocksOf = (path: string): readonly Block[] =>
  [...readFileSync(new URL(path, root), "utf8").matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = "", text = ""]) => ({
    language,
    text: text.trim(),
  }));

export const commandsOf = (blocks: readonly Block[]): readonly Command[] =>
  blocks.flatMap(({ language, text }, index) => (language === "sh" ? [{ text, answer: blocks[index + 1] }] : []));

/** With the addresses of a world in place of those that are shown. */
export const hereIn = (world: World, text: string): string =>
  text
    .replaceAll("http://localhost:8080", world.url)
    .replaceAll("http://localhost:8082", world.legacyUrl)
    .replaceAll("ws://localhost:8080", world.url.replace("http", "ws"))
    .replaceAll("localhost:8081", world.grpcAddress);

/** What is shown, with "…" standing for anything, at the head of a list for others of it, and times for any time. */
export function shape(shown: unknown): unknown {
  if (Array.isArray(shown)) return shown[0] === "…" ? expect.arrayContaining(shown.slice(1).map(shape)) : shown.map(shape);
  if (shown === null || typeof shown !== "object") return typeof shown === "string" && /…|^\d{4}-/.test(shown) ? expect.any(String) : shown;
  return Object.fromEntries(
    Object.entries(shown).map(([key, value]) => [key, /At$/.test(key) && typeof value === "number" ? expect.any(Number) : shape(value)]),
  );
}

/** Of a curl that answers JSON, a refusal or not. */
export const answerTo = (world: World, command: string): unknown =>
  JSON.parse(execFileSync("bash", ["-c", hereIn(world, command).replace(/^curl/, "curl -sS")], { encoding: "utf8" }));
