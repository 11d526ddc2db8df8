/**
 * Being told to end by a signal, and once more by somebody who does not want to wait.
 *
 * One Ctrl-C comes several times: from the terminal to the whole process group, from npm, which passes it on, and from the bootstrap, which
 * does too and cannot know that its child has it already (`kill PID` tells one process alone). So what comes within a second of the first
 * is the same request.
 */
const SAME_MS = 1_000;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function onToldToEnd({ first, again }: { readonly first: () => void; readonly again: () => void }): void {
  let firstMs: number | undefined;
  const told = () => {
    if (firstMs !== undefined) return performance.now() - firstMs > SAME_MS && again();
    firstMs = performance.now();
    first();
  };
  for (const signal of signals) process.on(signal, told);
}
