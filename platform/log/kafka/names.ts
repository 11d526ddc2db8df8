/** The topics of this log by their names in Kafka, where a prefix may stand before them. */
import type { Topic } from "#domain/topics.ts";

export class Names {
  readonly topics: readonly Topic[];
  readonly #prefix: string;
  readonly #known: ReadonlySet<string>;

  constructor(topics: readonly Topic[], prefix: string) {
    this.topics = topics;
    this.#prefix = prefix;
    this.#known = new Set(topics.map(({ name }) => name));
  }

  /** Throws for a topic that the log was opened without. */
  of({ name }: Topic): string {
    if (!this.#known.has(name)) throw new Error(`The log was opened without the topic "${name}"; give it to the log's topics.`);
    return this.#prefix + name;
  }
}
