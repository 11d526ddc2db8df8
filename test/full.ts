/** Whether suites run in their full form, as `npm run test:faults` runs them, for longer than a usual run has time for. */
export const full = process.env.TEST_FULL === "1";
