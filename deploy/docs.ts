/**
 * The pages of docs/ that are made from the catalogues, so that they cannot say anything else than the code does. `npm run generate`
 * writes them, `npm run check` compares.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { errors } from "#domain/errors.ts";
import { reasons } from "#domain/reasons.ts";
import { all, RETENTION_MS, tiers } from "#domain/topics.ts";
import { configTable } from "#platform/config/table.ts";
import { catalogue } from "#platform/telemetry/metric.ts";
import { describedModules } from "../services/modules.ts";
// For their metrics: all that a process is made of, and what it loads only when it is configured.
import "../services/mesh.ts";
import "../services/start.ts";
import "#platform/telemetry/otlp.metrics.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The text of each page by its path from the root. */
export function pages(): Map<string, string> {
  return new Map([
    ["docs/reasons.md", reasonsPage()],
    ["docs/errors.md", errorsPage()],
    ["docs/topics.md", topicsPage()],
    ["docs/configuration.md", configurationPage()],
    ["docs/metrics.md", metricsPage()],
  ]);
}

export function writePages(): void {
  for (const [path, text] of pages()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function page(title: string, source: string, words: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  const made = `<!-- Made from ${source} by \`npm run generate\`; change it there. -->`;
  return `# ${title}\n\n${made}\n\n${words}\n\n${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}

const code = (text: string | number) => `\`${text}\``;

const reasonsPage = () =>
  page(
    "Reasons",
    "domain/reasons.ts",
    "Why something was done or not. The codes stand in decisions, delivery events, dead letters and metrics, and never change; Explain gives\nthe sentences.",
    ["Code", "Sentence"],
    Object.entries(reasons).map(([reason, sentence]) => [code(reason), sentence]),
  );

const errorsPage = () =>
  page(
    "Errors",
    "domain/errors.ts",
    "What callers meet. Over Connect an error carries its code, a `google.rpc.ErrorInfo` with the reason, and where they apply\n`google.rpc.BadRequest` (each wrong field) and `google.rpc.RetryInfo` (when to repeat); its message says the first wrong field. The REST\nfacades answer the HTTP status with the same as JSON. Connect maps its HTTP status from the code, but for what HTTP itself refuses (413\n`BODY_TOO_LARGE`, 415, 405 and 404 `NOT_IMPLEMENTED`), which is as below: a body that is too large is `RESOURCE_EXHAUSTED` as everywhere\nin gRPC, but no 429, since repeating it does not help. Worth repeating is what carries RetryInfo, with the same\nidempotency key where the method has one. Fields are named as the contract names them, `recipients[0].user_id`;\nJSON takes that spelling as well as `userId`.",
    ["Reason", "Code", "HTTP", "Meaning"],
    Object.entries(errors).map(([reason, { code: rpc, http, says }]) => [code(reason), code(rpc), String(http), says]),
  );

const topicsPage = () =>
  page(
    "Topics",
    "domain/topics.ts",
    `The event log's topics. Records are kept for ${RETENTION_MS / 86_400_000} days and keyed by \`environment/recipient\`, where a recipient is a user id, or\n\`~uuid\` for a bare address; so everything about one person stays in order within a topic. Partition counts never change on a live topic.\nThe tiers (${tiers.map(({ topic }) => code(topic.name)).join(", ")}) hold first-in-first-out waits of one length each. Further topics like\n\`notifications.raw\` can be configured ([events](events.md)).`,
    ["Topic", "Holds", "Partitions"],
    all.map(({ name, schema, partitions }) => [code(name), code(schema.typeName), String(partitions)]),
  );

const configurationPage = () =>
  page(
    "Configuration",
    "the modules' schemas",
    "Settings are environment variables, or lines of a YAML file (`CARILLON_CONFIG`, else `carillon.yaml` where the process starts), whose keys\nmay be nested or dotted: `email: { smtp-port: 25 }` is `email.smtp-port: 25`. A variable outranks the file. An empty one counts as unset; an\nunknown setting or a wrong value stops the start with a sentence that says what would be right, and in which line.\n`npm run check-config -- FILE` says the same without starting anything.",
    ["Variable", "Key", "Type", "Default", "Meaning"],
    configTable(describedModules()).map((row) => [
      code(row.variable),
      code(row.key),
      row.type,
      row.default === undefined ? "" : row.default === "" ? "empty" : code(row.default),
      row.description,
    ]),
  );

const metricsPage = () =>
  page(
    "Metrics",
    "the declarations beside the code that moves them",
    "`GET /metrics` answers these to Prometheus, beside the usual ones of a Node process (`process_*`, `nodejs_*`; the event loop's delay is\n`nodejs_eventloop_lag_p99_seconds`, since the last scrape). No label holds an id or anything of a person. What to watch among them:\n[operations](operations.md); a dashboard: `deploy/grafana/carillon.json`; alerts: `deploy/prometheus/alerts.yaml`.",
    ["Metric", "Type", "Labels", "Meaning"],
    [...catalogue()]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(({ name, type, labels, help }) => [
        code(name),
        type,
        Object.entries(labels)
          .map(([label, values]) => `${code(label)}: ${values}`)
          .join("; "),
        help,
      ]),
  );
