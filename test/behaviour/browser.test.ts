/** The pages in a real browser: sending, the bell that rings live, the mailbox, the timeline, muting; light and dark. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { hasBrowser, open as openPage, startBrowser, textOf } from "../world/browser.ts";
import { clientsOf } from "../world/clients.ts";
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

  it("nobody to send to is told in the words of the form", async () => {
    const { page } = await open("/");
    await page.fill("[name=to]", "");
    await page.click("#send [type=submit]");
    await expect.poll(() => textOf(page, ".field:has([name=to]) .wrong")).toBe("must be a person’s id or an email address");
    await page.close();
  });

  it.each([
    ["beside the list", 1_280],
    ["below the list", 600],
  ])("a mail chosen far down a long list is shown in view, %s", async (_where, width) => {
    const notifications = Array.from({ length: 60 }, (_, at) => ({
      recipients: [{ email: `far-${width}@example.test` }],
      content: { title: `Mail ${at}`, body: "Have a look." },
    }));
    await clientsOf(world.url).ingest.sendBatch({ notifications });
    const { page, troubles } = await open("/dev/mail");
    await page.setViewportSize({ width, height: 700 });
    await page.fill("#filter", `far-${width}@example.test`);
    await expect.poll(() => page.locator("#messages li").count(), { timeout: 20_000 }).toBe(60);
    const last = page.locator("#messages li").last();
    const title = (await last.locator(".name").textContent()) ?? "";
    await last.locator("a").click();
    await expect.poll(() => textOf(page, "#subject")).toBe(title);
    const isInView = async () => {
      const { y, height } = (await page.locator("#subject").boundingBox()) ?? { y: -1, height: 0 };
      return y >= 0 && y + height <= 700;
    };
    await expect.poll(isInView).toBe(true);
    expect(troubles).toEqual([]);
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

  it("the page of a mail to somebody who is erased says so, and claims nothing of it, nor offers to cancel it", async () => {
    const { ingest, tracker, preferences } = clientsOf(world.url);
    const recipients = [{ userId: "goes", email: "goes@example.test" }];
    const { notificationId } = await ingest.send({ recipients, content: { title: "To nobody else" } });
    const status = async () => (await tracker.getNotification({ notificationId })).notification?.status;
    await expect.poll(status).toBe(NotificationStatus.SENT);
    const { page, troubles } = await open(`/n/${notificationId}`);
    await expect.poll(() => textOf(page, "#title")).toBe("To nobody else");
    await preferences.erasePerson({ userId: "goes" });
    await page.reload();
    await expect.poll(() => textOf(page, "#status")).toBe("erased");
    expect(await textOf(page, "#steps")).toContain("The person was erased");
    expect(await page.locator("#cancel").isVisible()).toBe(false);
    const said = await textOf(page, "main");
    for (const word of ["goes", "To nobody else", "Not decided", "None:"]) expect(said).not.toContain(word);
    expect(troubles).toEqual([]);
    await page.close();
  });

  it("quiet hours set on the page hold a notification back, and it is canceled from its timeline", async () => {
    const { page, troubles } = await open("/");
    await page.click('#person label:has-text("bo")');
    await expect.poll(() => page.locator("#quiet-hours[inert]").count()).toBe(0);
    await expect.poll(() => textOf(page, "#quiet-zone")).not.toBe("");
    const clockIn = (hours: number) => new Date(Date.now() + hours * 3_600_000).toTimeString().slice(0, 5);
    await page.fill("#quiet-start", clockIn(-1));
    await page.fill("#quiet-end", clockIn(1));
    await page.click("#quiet");
    await expect.poll(() => page.getAttribute("#quiet", "aria-checked")).toBe("true");
    await page.fill("[name=to]", "bo");
    await page.fill("[name=title]", "Not at night");
    await page.click("#send [type=submit]");
    await page.click("#answer a");
    await expect.poll(() => textOf(page, "#steps"), { timeout: 10_000 }).toContain("It is due at");
    await page.click("#cancel");
    await expect.poll(() => textOf(page, "#status"), { timeout: 10_000 }).toBe("canceled");
    await expect.poll(() => page.locator("#cancel").isVisible()).toBe(false);
    expect(troubles).toEqual([]);
    await page.close();
  });

  it("a category muted for an hour says until when", async () => {
    const { page } = await open("/");
    await page.click('[aria-label="Mute general for 1 hour"]');
    await expect.poll(() => textOf(page, '#choices li[data-muted]:has-text("general")')).toContain("muted until");
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
