/** docs/speed.md: a section for each bench, made anew by it; the others stay as they are. */
import { readFileSync, writeFileSync } from "node:fs";

const page = new URL("../../docs/speed.md", import.meta.url);

export function writeSection(title: string, text: string): void {
  const [head = "", ...sections] = readFileSync(page, "utf8").split(/^(?=## )/m);
  const made = `## ${title}\n\n${text}`;
  const at = sections.findIndex((section) => section.startsWith(`## ${title}\n`));
  const others = at < 0 ? [...sections, made] : sections.with(at, made);
  writeFileSync(page, `${[head, ...others].map((each) => each.trimEnd()).join("\n\n")}\n`);
}
