import { pipelineRate } from "./rates.ts";
console.log("pipeline", (await pipelineRate()).toFixed(0));
