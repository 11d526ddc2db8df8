/** A launcher for tests: supervises `sh -c SCRIPT` in a directory, prints the pid, and stays. */
import { runSupervised } from "./supervised.ts";

const [dir = "", script = ""] = process.argv.slice(2);
const running = await runSupervised({ name: "engine", dir, command: "/bin/sh", args: ["-c", script, dir] });
process.stdout.write(`${running.pid}\n`);
setInterval(() => {}, 1_000);
