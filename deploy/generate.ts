/** `npm run generate`: makes gen/ from proto/ and the catalogue pages from their tables. What it makes is committed; CI compares. */
import { writePages } from "./docs.ts";
import { generateCode } from "./generated.ts";

generateCode(".");
writePages();
