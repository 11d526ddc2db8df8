/** What PromQL expressions of ours name: the alert rules' and the dashboard's, read without a parser of the language. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Named {
  readonly metric: string;
  readonly labels: readonly string[];
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

export const alerts = (): Alert[] =>
  (parse(read("deploy/prometheus/alerts.yaml")) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules);

/** Every query of the dashboard, its variables filled in as Grafana would. */
export function queries(): { readonly title: string; readonly expr: string; readonly legend: string }[] {
  const { panels } = JSON.parse(read("deploy/grafana/carillon.json")) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      title,
      expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"),
      legend: legendFormat,
    })),
  );
}

/** Labels that Prometheus adds when it scrapes. */
const OF_THE_SCRAPE = new Set(["instance", "job"]);
const METRIC = /\b((?:carillon|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
const GROUPING = /\bby \(([^)]*)\)/g;

/** Each metric of an expression, with the labels that it is asked for: its own matchers, and what the expression groups by. */
export function namedIn(expr: string, legend = ""): Named[] {
  const grouped = [...expr.matchAll(GROUPING)].flatMap(([, labels = ""]) => labels.split(",").map((label) => label.trim()));
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
  return [...expr.matchAll(METRIC)].map(([, metric = "", matchers = ""]) => {
    const matched = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label);
    return { metric, labels: [...new Set([...matched, ...grouped, ...shown])].filter((label) => !OF_THE_SCRAPE.has(label)) };
  });
}
