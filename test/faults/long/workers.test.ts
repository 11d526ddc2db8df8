/** Processes of Carillon's that are killed under much load, alone in their group and beside another. */
import { meshOfFile } from "../mesh-of-file.ts";
import { workers } from "../rows/brokers.ts";

meshOfFile({ brokers: 1, oneProcess: false }, workers).recount();
