/** Which modules share a process, in a mesh of one machine and in deploy/compose; the first is the front, whom everybody calls. */
export const PROCESSES: readonly (readonly string[])[] = [
  ["ingest", "console"],
  ...["gateway", "router", "dispatcher", "email-workers", "inbox", "scheduler"].map((name) => [name]),
  ...["preferences", "templates", "tracker", "deadletters", "access"].map((name) => [name]),
];
