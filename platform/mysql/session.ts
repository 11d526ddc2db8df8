/** The statements that belong to a connection rather than to a store. */
import { readStatements } from "#platform/sql/statements.ts";

const statements = readStatements(new URL("./session.sql", import.meta.url));

export const session = (name: string): string => statements.get(name) as string;
