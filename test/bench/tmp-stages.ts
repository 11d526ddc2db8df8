import { stageCosts } from "./stages.ts";
for (const { stage, us } of await stageCosts()) console.log(stage, us.toFixed(1));
