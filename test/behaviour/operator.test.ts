/** The operator's pages in a real browser: dead letters replayed by filter, with the way they went; a provider paused by hand. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasBrowser, open, startBrowser, textOf } from "../world/browser.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

describe.skipIf(!hasBrowser)("the operator's pages", () => {
  let sink: Sink;
  let world: World;
  let browser: Browser;
  beforeAll(async () => {
    sink = await openSink();
    const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port), CARILLON_MAX_RETRY_COUNT: "0" };
    [world, browser] = await Promise.all([startWorld({ env }), startBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
    await sink?.close();
  });

  const died = async (...names: string[]) => {
    const { ingest, deadLetters } = clientsOf(world.url);
    sink.refuse = () => ({ code: 451, text: "Mailbox busy" });
    for (const name of names) await ingest.send({ recipients: [{ email: `${name}@example.test` }], content: { title: "Late" } });
    await expect.poll(async () => (await deadLetters.listDeadLetters({})).deadLetters.length).toBe(names.length);
    sink.refuse = () => undefined;
  };

  it.each(["light", "dark"] as const)("replay all that is found, by keyboard, and show how far it is, in %s", async (scheme) => {
    await died("ann", "bo");
    const { page, troubles } = await open(browser, `${world.url}/dead-letters`, scheme);
    await expect.poll(() => page.locator("#letters > li").count()).toBe(2);
    await page.focus('#letters > li:first-child [data-key^="way-"]');
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#letters .hops")).toContain("attempt 1");
    expect(await textOf(page, "#letters .hops")).toContain("accepted");
    expect(await textOf(page, "#letters .hops")).toContain("Mailbox busy");
    await page.focus("#rate");
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#replays-said")).toBe("Begun.");
    await expect.poll(() => textOf(page, "#replays li:first-child .pill"), { timeout: 10_000 }).toBe("done");
    expect(await textOf(page, "#replays li:first-child")).toContain("2 of 2, at most 50 a second: 2 replayed");
    await expect.poll(() => textOf(page, "#letters")).toBe("None is waiting.");
    expect(troubles).toEqual([]);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/dead-letters-${scheme}.png`, fullPage: true });
    await page.close();
  });

  it("cancel a replay that is under way", async () => {
    await died("cy", "di", "ed");
    const { page, troubles } = await open(browser, `${world.url}/dead-letters`);
    await page.fill("#rate", "1");
    await page.click("#replay");
    await page.click('#replays [data-key^="cancel-"]');
    await expect.poll(() => textOf(page, "#replays-said")).toBe("Canceled.");
    await expect.poll(() => textOf(page, "#replays li:first-child .pill")).toBe("canceled");
    expect(troubles).toEqual([]);
    await page.close();
  });

  it.each(["light", "dark"] as const)("pause a provider, which asks why, and resume it, in %s", async (scheme) => {
    const { page, troubles } = await open(browser, `${world.url}/providers`, scheme);
    await expect.poll(() => textOf(page, "#integrations")).toContain("closed");
    await page.focus('[data-key="pause-smtp"]');
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("#why-wrong").isVisible()).toBe(true);
    await page.keyboard.type(`Its quota is used up in ${scheme}`);
    await page.focus('[data-key="pause-smtp"]');
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#integrations .head")).toContain("paused");
    await expect.poll(() => textOf(page, "#integrations .hops")).toContain(`pause by development: Its quota is used up in ${scheme}`);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/providers-${scheme}.png`, fullPage: true });
    await expect.poll(() => page.inputValue("#why")).toBe("");
    await page.fill("#why", "It has some again");
    await page.focus('[data-key="resume-smtp"]');
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#integrations .head")).not.toContain("paused");
    await expect.poll(() => textOf(page, "#integrations .hops")).toContain("resume by development: It has some again");
    expect(troubles).toEqual([]);
    await page.close();
  });
});
