/** Run by vitest.fixture.ts where Kafka cannot be had: that it would break shows that it is skipped as a whole. */
import { inject } from "vitest";

const { kafka } = inject("engines");
throw new Error(`it was run with ${kafka}`);
