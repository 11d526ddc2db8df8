/** Where the embedded form keeps everything, within its data directory. */
import { join } from "node:path";

export const databaseFile = (dataDir: string): string => join(dataDir, "carillon.sqlite");
