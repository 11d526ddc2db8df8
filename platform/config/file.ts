/**
 * A settings file: YAML whose keys are the settings', nested or with dots (`email: { smtp-host: … }` is `email.smtp-host: …`).
 *
 * Values are taken as the text that stands there, as from the environment, so that a setting has one grammar wherever it is given.
 * Lists are joined by commas. Pure: reads text, not files.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";

export interface FileSetting {
  readonly text: string;
  readonly line: number;
}

export interface SettingsFile {
  /** As the sentences about it call it. */
  readonly name: string;
  /** By key. */
  readonly settings: ReadonlyMap<string, FileSetting>;
  /** Why it cannot be read, a sentence each. */
  readonly troubles: readonly string[];
}

const MOST_CHARS = 1024 * 1024;

export function readSettings(name: string, text: string): SettingsFile {
  const settings = new Map<string, FileSetting>();
  const troubles: string[] = [];
  const lines = new LineCounter();
  const at = (node: Node) => lines.linePos(node.range?.[0] ?? 0).line;
  const say = (line: number, what: string): void => {
    troubles.push(`${name} line ${line}: ${what}.`);
  };

  function take(path: readonly string[], node: Node): void {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (!isScalar(key)) say(at(node), "a key must be a plain word");
        else if (value) take([...path, String(key.value)], value as Node);
      }
      return;
    }
    const key = path.join(".");
    const found = textOf(node);
    if (key === "") say(at(node), "a settings file is a list of `key: value` lines");
    else if (found === undefined) say(at(node), `${key} must be a text, a number, true, false, or a list of those`);
    else if (settings.has(key)) say(at(node), `${key} is given twice`);
    else if (found !== "") settings.set(key, { text: found, line: at(node) });
  }

  if (text.length > MOST_CHARS) return { name, settings, troubles: [`${name} is larger than 1 MiB.`] };
  const document = parseDocument(text, { lineCounter: lines, schema: "core", prettyErrors: false });
  for (const error of document.errors) say(lines.linePos(error.pos[0]).line, error.message.replace(/\.$/, ""));
  if (troubles.length === 0 && document.contents) take([], document.contents as Node);
  return { name, settings, troubles };
}

/** Undefined for what is no value of a setting. `1e3` and `0x10` stay as they are written, and are refused as they would be elsewhere. */
function textOf(node: Node): string | undefined {
  if (isSeq(node)) {
    const items = node.items.map((item) => textOf(item as Node));
    return items.every((item) => item !== undefined && !item.includes(",")) ? items.join(",") : undefined;
  }
  if (isAlias(node) || !isScalar(node)) return undefined;
  if (node.value === null) return "";
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
}
