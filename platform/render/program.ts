/** A template as it is evaluated: what is left of Handlebars' syntax tree when everything else has been refused. */
import type { Place } from "./problem.ts";

export type Node = string | Show | If | Each;

/** `{{path}}` */
export interface Show {
  readonly is: "show";
  readonly path: Path;
}

/** `{{#if path}}…{{else}}…{{/if}}` */
export interface If {
  readonly is: "if";
  readonly path: Path;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `{{#each path}}…{{else}}…{{/each}}` */
export interface Each {
  readonly is: "each";
  readonly path: Path;
  readonly body: readonly Node[];
  /** For a list that is empty or not there. */
  readonly otherwise: readonly Node[];
}

export interface Path {
  /** As it is written. */
  readonly written: string;
  readonly at: Place;
  /** `../`: how many `{{#each}}` outwards. */
  readonly up: number;
  /** Names to follow from there; none: `this`. */
  readonly parts: readonly string[];
  /** `@index`, `@first`, `@last`: of the innermost `{{#each}}`. */
  readonly counter: Counter | undefined;
}

export type Counter = "index" | "first" | "last";
