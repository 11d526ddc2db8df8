import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryBuckets } from "./bucket.memory.ts";
import { bucketSuite } from "./bucket.suite.ts";

bucketSuite("in memory", async () => {
  const clock = fakeClock();
  return { clock, buckets: memoryBuckets({ clock }) };
});
