/** Three brokers, of which one is gone at a time, under a process for each module. */
import { meshOfFile } from "../mesh-of-file.ts";
import { brokers } from "../rows/brokers.ts";

meshOfFile({ brokers: 3, oneProcess: false }, brokers).recount();
