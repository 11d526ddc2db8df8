/** The one error of the engine: what is wrong with a template, or with filling it in, and where. Holds nothing of the data. */
export interface Place {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
}

export class TemplateProblem extends Error {
  /** Undefined: the whole text is meant. */
  readonly at: Place | undefined;
  /** Without the place. */
  readonly says: string;

  constructor(says: string, at?: Place, cause?: unknown) {
    super(at ? `line ${at.line}, column ${at.column}: ${says}` : says, { cause });
    this.name = "TemplateProblem";
    this.at = at;
    this.says = says;
  }
}
