/** The raw topics' door as a test wants it; without words, of a log that others write to, theirs being the development environment's. */
import type { RawTopicSettings } from "#platform/config/raw-topic.ts";
import { type RawDoor, rawDoor } from "#platform/raw/door.ts";

export const doorOf = (settings: Partial<RawTopicSettings> = {}, { isPublic = true } = {}): RawDoor =>
  rawDoor({ mode: "development", "raw-topics": [], ...settings }, { isPublic });
