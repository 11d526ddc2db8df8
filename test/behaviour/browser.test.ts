/** The pages in a real browser: sending, the bell that rings live, the mailbox, the timeline, muting; light and dark. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasBrowser, open as openPage, startBrowser, textOf } from "../world/browser.ts";
import { startWorld, type World } from "../world/world.ts";

describe.skipIf(!hasBrowser)("in a browser", () => {
  let world: World;
  let browser: Browser;
  beforeAll(async () => {
    world = await startWorld();
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  const open = (path: string, colorScheme?: "light" | "dark") => openPage(browser, world.url + path, colorScheme);

  it("a notification sent from the form rings the bell, reaches the mailbox, and its timeline tells the way", async () => {
    const { page, troubles } = await open("/");
    await expect.poll(() => textOf(page, "#state")).toBe("live");
    expect(await page.locator("#badge").isVisible()).toBe(false);
    await page.fill("[name=title]", "A bell for ann");
    await page.click("#send [type=submit]");
    await expect.poll(() => textOf(page, "#badge")).toBe("1");
    await expect.poll(() => textOf(page, "#inbox")).toContain("A bell for ann");
    await expect.poll(() => textOf(page, "#mail")).toContain("A bell for ann");
    await page.click("#answer a");
    await expect.poll(() => textOf(page, "#status"), { timeout: 10_000 }).toBe("sent");
    const stages = await page.locator("#steps > li").evaluateAll((items) => items.map((item) => item.getAttribute("data-stage")));
    expect(stages).toEqual(expect.arrayContaining(["asked", "decided", "queued", "sent"]));
    expect(troubles).toEqual([]);
    await page.close();
  });

  it("what is wrong is said beside the field", async () => {
    const { page } = await open("/");
    await page.fill("[name=to]", "not an@address@x");
    await page.click("#send [type=submit]");
    await expect.poll(() => page.locator(".field:has([name=to]) .wrong").count()).toBeGreaterThan(0);
    await page.close();
  });

  it("a category muted on the page is skipped, and the timeline says why", async () => {
    const { page, troubles } = await open("/");
    await page.click('[role=switch][aria-label="offers"]');
    await expect.poll(() => textOf(page, "#choices li[data-muted]")).toContain("offers");
    await page.fill("[name=category]", "offers");
    await page.fill("[name=title]", "Half price");
    await page.click("#send [type=submit]");
    await page.click("#answer a");
    await expect.poll(() => textOf(page, "#status"), { timeout: 10_000 }).toBe("skipped");
    expect(await textOf(page, "#steps")).toContain("The person muted this category.");
    expect(troubles).toEqual([]);
    await page.close();
  });

  it.each(["light", "dark"] as const)("every page shows in %s without errors", async (scheme) => {
    for (const path of ["/", "/people", "/people/ann", "/dev/mail", "/n/01a1fd71-8461-72ae-95cc-ac4d6a7a9642"]) {
      const { page, troubles } = await open(path, scheme);
      await expect.poll(() => textOf(page, "h1")).not.toBe("Loading…");
      const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      const dark = Number(/\d+/.exec(ground)?.[0]) < 128;
      expect(dark).toBe(scheme === "dark");
      expect(troubles.filter((each) => !each.includes("404"))).toEqual([]);
      if (process.env.SCREENSHOTS)
        await page.screenshot({
          path: `${process.env.SCREENSHOTS}/${scheme}${path.replaceAll("/", "-").slice(0, 12)}.png`,
          fullPage: true,
        });
      await page.close();
    }
  });
});
