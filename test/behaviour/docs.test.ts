/** The commands of the pages that walk somebody through something, as they stand there but for the ports, and the answers that they show. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerTo, blocksOf, commandsOf, hereIn, shape } from "../world/shown.ts";
import { startWorld, type World } from "../world/world.ts";

let world: World;
beforeAll(async () => {
  // As docs/deadletters.md says.
  world = await startWorld({ env: { CARILLON_MAX_RETRY_COUNT: "0" } });
});
afterAll(() => world.stop());

/** What is asked about may be known only a moment after it was caused. */
const isRead = (command: string) => /\/(List|Get)[A-Z]\w+ /.test(command);

describe.each(["docs/preferences.md", "docs/deadletters.md", "docs/templates.md", "docs/providers.md"])("%s", (page) => {
  const shown = commandsOf(blocksOf(page)).filter(({ text, answer }) => text.startsWith("curl") && answer?.language === "json");

  it("has commands to try", () => expect(shown.length).toBeGreaterThan(2));

  it.each(shown.map(({ text, answer }, index) => [`${index + 1}. ${text.split("\n")[0]}`, text, answer?.text ?? ""] as const))(
    "%s answers what is shown",
    async (_name, text, answer) => {
      const expected = shape(JSON.parse(hereIn(world, answer)));
      if (isRead(text)) await expect.poll(() => answerTo(world, text)).toEqual(expected);
      else expect(answerTo(world, text)).toEqual(expected);
    },
  );
});
