/**
 * What a template may cost. Counts rather than clocks, so that the same template with the same data always ends the same way; together
 * they keep one rendering within some 20 ms on the slowest machine we know.
 */

/** Of a title, a body or an HTML as it is written. */
export const MAX_SOURCE_CHARS = 65_536;
/** Tags in one text. */
export const MAX_TAGS = 2_000;
/** Blocks, `else`s among them, in one text. The grammar's parser takes quadratic time over blocks within blocks. */
export const MAX_BLOCKS = 200;
/** Of all words of a version: what bounds the time that checking one takes. */
export const MAX_VERSION_BYTES = 512 * 1_024;
export const MAX_VERSION_TAGS = 20_000;
export const MAX_VERSION_BLOCKS = 4_000;
/** Blocks within blocks. */
export const MAX_NESTING = 20;
/** Rounds of all `{{#each}}` together, in one text. */
export const MAX_ROUNDS = 10_000;
/** Tags that are evaluated and parts of their paths, in one text. */
export const MAX_STEPS = 100_000;
/** Of a body or an HTML when it is filled in. */
export const MAX_OUTPUT_CHARS = 262_144;
/** Of a title when it is filled in; more is cut. The bound of carillon.common.v1.Content. */
export const MAX_TITLE_CHARS = 512;

/** Of the data, as JSON. */
export const MAX_DATA_BYTES = 65_536;
/** Objects and lists within one another. */
export const MAX_DATA_DEPTH = 16;

/** Of an input schema, as JSON. */
export const MAX_SCHEMA_BYTES = 16_384;
/** Parts of an input schema, counting what a `$ref` leads to wherever it stands. */
export const MAX_SCHEMA_PARTS = 1_000;
/** Steps of checking data by a schema, as checks.ts counts them. */
export const MAX_CHECKS = 50_000;
