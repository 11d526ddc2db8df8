/** Everything else that a mesh may meet, one after the other in the life of one, under a light load. */
import { meshOfFile } from "../mesh-of-file.ts";
import { deaths } from "../rows/deaths.ts";
import { engines } from "../rows/engines.ts";
import { providers } from "../rows/providers.ts";
import { records } from "../rows/records.ts";
import { standing } from "../rows/standing.ts";
import { wires } from "../rows/wires.ts";

meshOfFile({ brokers: 1, oneProcess: false, wired: true }, [
  ...engines,
  ...standing,
  ...deaths,
  ...wires,
  ...providers,
  ...records,
]).recount();
