/**
 * The settings of categories, as a port: how notifications of one are treated, whoever they go to. Its suite is categories.suite.ts.
 *
 * A category without a row has the defaults, and one with the defaults has no row. What a write has answered survives a power loss.
 */
export interface CategorySettings {
  readonly name: string;
  readonly atMostOnce: boolean;
}

export interface CategoryStore {
  /** False: there are `most` others with settings already, and nothing was changed. */
  set(environment: string, settings: CategorySettings, most: number): Promise<boolean>;
  /** Of these the ones that have settings, in no order. */
  among(environment: string, names: readonly string[]): Promise<readonly CategorySettings[]>;
  /** By name. */
  list(environment: string): Promise<readonly CategorySettings[]>;
}

export const isDefault = ({ atMostOnce }: CategorySettings): boolean => !atMostOnce;
