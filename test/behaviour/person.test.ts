/** A person's page in a real browser, by keyboard: found, read why something was not sent, a dead letter replayed from there. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { hasBrowser, open, startBrowser, textOf } from "../world/browser.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";

describe.skipIf(!hasBrowser)("a person's page", () => {
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

  async function send(title: string, category: string, status: NotificationStatus): Promise<void> {
    const { ingest, tracker } = clientsOf(world.url);
    const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], category, content: { title } });
    await expect.poll(async () => (await tracker.getNotification({ notificationId })).notification?.status).toBe(status);
  }

  it("is found by what their address begins with, and tells what was not sent and why", async () => {
    await clientsOf(world.url).preferences.setCategoryPreference({ userId: "ann", preference: { category: "offers", muted: true } });
    await send("Half price", "offers", NotificationStatus.SKIPPED);
    await send("Your order", "orders", NotificationStatus.SENT);
    const { page, troubles } = await open(browser, `${world.url}/people`);
    await page.focus("#prefix");
    await page.keyboard.type("ann@");
    await expect.poll(() => page.locator("#found li").count()).toBe(1);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "h1")).toBe("Ann");
    await expect.poll(() => textOf(page, "#sent")).toContain("Half price");
    expect(await textOf(page, "#sent")).toContain("The person muted this category.");
    expect(await textOf(page, "#reach")).toContain("ann@example.test");
    expect(await textOf(page, "#inbox")).toContain("Your order");
    expect(await textOf(page, "#choices [data-muted]")).toContain("offers");
    expect(troubles).toEqual([]);
    await page.close();
  });

  it.each(["light", "dark"] as const)("replays a dead letter by keyboard, in %s", async (scheme) => {
    sink.refuse = () => ({ code: 451, text: "Mailbox busy" });
    await clientsOf(world.url).preferences.setCategoryPreference({
      userId: "ann",
      preference: { category: "late", muted: false, channels: [1] },
    });
    await send(`Too late in ${scheme}`, "late", NotificationStatus.FAILED);
    sink.refuse = () => undefined;
    const { page, troubles } = await open(browser, `${world.url}/people/ann`, scheme);
    await expect.poll(() => textOf(page, "#dead")).toContain("Mailbox busy");
    await page.focus('#dead [data-key^="replay"]');
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#dead-said")).toBe("It is on its way again.");
    await expect.poll(() => textOf(page, "#dead")).toBe("None is waiting.");
    await expect.poll(() => textOf(page, "#sent li:first-child .head .pill")).toBe("sent");
    expect(troubles).toEqual([]);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/person-${scheme}.png`, fullPage: true });
    await page.close();
  });

  it("that nobody has is not there", async () => {
    const { page } = await open(browser, `${world.url}/people/nobody-at-all`);
    expect(await textOf(page, "h1")).toBe("No bell rang here");
    await page.close();
  });
});
