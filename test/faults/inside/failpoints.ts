/**
 * Imported before a process under test: wraps the ports where the process is put together, and Kafka's commit where there is one, so that it
 * can die or stand still right before and after what it does there (points.ts).
 *
 * The program itself knows nothing of it: where it imports what is to be wrapped it is given ours, which imports the real one. So there is no
 * switch in it that anybody could set who may not replace its code anyway.
 */
import { registerHooks } from "node:module";

/** Who imports what, and what is given instead. */
const INSTEAD = [
  ["/services/start.ts", "./form.ts", new URL("./form.ts", import.meta.url)],
  ["/services/delivery/module.ts", "./providers/email/smtp.ts", new URL("./smtp.ts", import.meta.url)],
  ["/platform/log/kafka/membership.ts", "./session.ts", new URL("./session.ts", import.meta.url)],
] as const;

registerHooks({
  resolve(specifier, context, next) {
    const ours = INSTEAD.find(([importer, imported]) => imported === specifier && context.parentURL?.endsWith(importer));
    return ours ? next(ours[2].href, context) : next(specifier, context);
  },
});
