/** The pages in production, in a real browser: signing in by keyboard, what a key allows, signing out, sessions that end; light and dark. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { hasBrowser, startBrowser, textOf } from "../world/browser.ts";
import { clientsOf } from "../world/clients.ts";
import { startWorld, type World } from "../world/world.ts";

describe.skipIf(!hasBrowser)("the pages in production", () => {
  let world: World;
  let browser: Browser;
  beforeAll(async () => {
    const env = { CARILLON_MODE: "production", CARILLON_MAX_RETRY_COUNT: "0" };
    [world, browser] = await Promise.all([startWorld({ env }), startBrowser()]);
    const { access } = admin();
    await access.createEnvironment({ name: "staging", kind: EnvironmentKind.TEST });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  const admin = () => clientsOf(world.url, { credential: world.credential });
  const keyWith = async (...scopes: Scope[]) => {
    const { credential, key } = await admin().access.createKey({ environment: "staging", name: "operator", scopes });
    return { credential, prefix: key?.prefix as string };
  };

  /** A visitor of their own, and what went wrong in their pages; what is refused on purpose is logged by browsers too. */
  async function visit(path: string, colorScheme: "light" | "dark" = "light") {
    const context: BrowserContext = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on(
      "console",
      (message) => message.type() === "error" && !/status of (401|403|429)/.test(message.text()) && troubles.push(message.text()),
    );
    await page.goto(world.url + path);
    return { context, page, troubles };
  }
  const at = (page: Page) => page.url().slice(world.url.length);
  const signIn = async (page: Page, credential: string) => {
    await page.fill("#key", credential);
    await page.keyboard.press("Enter");
  };
  const shoot = async (page: Page, name: string) => {
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
  };

  it("are behind a page that takes a key, told by keyboard alone, and lead to where one was going", async () => {
    const { context, page, troubles } = await visit("/people?x=1");
    expect(at(page)).toBe("/sign-in?to=%2Fpeople%3Fx%3D1");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("key");
    await page.keyboard.type("ck_live_0123456789abcdef.nonsense");
    await page.keyboard.press("Enter");
    await expect.poll(() => textOf(page, "#trouble")).toContain("No key that works.");
    expect(await page.evaluate("document.activeElement.id")).toBe("key");
    await page.keyboard.insertText(world.credential);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/people?x=1");
    await expect.poll(() => textOf(page, "#who")).toBe("production · admin");
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: "carillon", httpOnly: true, sameSite: "Strict", path: "/" });
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(troubles).toEqual([]);
    await context.close();
  });

  it("say which actions the key does not allow, and let an admin's do them", async () => {
    const operator = await keyWith(Scope.ADMIN);
    const { preferences, ingest, deadLetters } = clientsOf(world.url, operator);
    await preferences.upsertPerson({ userId: "ann", name: "Ann", email: "retry@simulator.test" });
    await ingest.send({ recipients: [{ userId: "ann" }], content: { title: "Never", body: "x" } });
    await expect.poll(async () => (await deadLetters.listDeadLetters({})).deadLetters.length).toBe(1);

    const reader = await visit("/people/ann");
    await signIn(reader.page, (await keyWith(Scope.READ)).credential);
    await expect.poll(() => textOf(reader.page, "#who")).toBe("staging · read");
    await expect.poll(() => textOf(reader.page, "#title")).toBe("Ann");
    await expect.poll(() => reader.page.locator("#dead button").count()).toBe(2);
    expect(await reader.page.locator("#dead button:enabled, #choices button:enabled, #quiet-hours :enabled:not(fieldset)").count()).toBe(0);
    expect(await reader.page.locator("[data-needs]:visible").allTextContents()).toEqual([
      "To replay or discard one, sign in with a key that has the scope admin.",
      "To change this, sign in with a key that has the scope send or admin.",
    ]);
    await shoot(reader.page, "person-read");

    const other = await visit("/people/ann", "dark");
    await signIn(other.page, operator.credential);
    await expect.poll(() => textOf(other.page, "#who")).toBe("staging · admin");
    expect(await other.page.locator("[data-needs]:visible").count()).toBe(0);
    await shoot(other.page, "person-admin-dark");
    await other.page.click('#dead button:text("Discard")');
    await expect.poll(() => textOf(other.page, "#dead")).toBe("None is waiting.");
    expect([...reader.troubles, ...other.troubles]).toEqual([]);
    await reader.context.close();
    await other.context.close();
  });

  it("are closed after signing out, and when the key is revoked while one looks", async () => {
    const { credential, prefix } = await keyWith(Scope.READ);
    const { context, page, troubles } = await visit("/");
    await signIn(page, credential);
    await expect.poll(() => textOf(page, "#who")).toBe("staging · read");
    await page.click("#sign-out");
    await page.waitForURL("**/sign-in");
    await page.goto(`${world.url}/people`);
    expect(at(page)).toBe("/sign-in?to=%2Fpeople");
    await signIn(page, credential);
    await expect.poll(() => textOf(page, "#found")).toContain("Ann");
    await admin().access.revokeKey({ prefix });
    await page.fill("#prefix", "a");
    await page.waitForURL("**/sign-in?to=*");
    expect(at(page)).toBe("/sign-in?to=%2Fpeople%23a");
    expect(troubles).toEqual([]);
    await context.close();
  });

  it.each(["https://evil.example/", "//evil.example/people", "/\\evil.example", "/.//evil.example", "javascript:alert(1)"])(
    "lead nobody away to %s",
    async (to) => {
      const { context, page } = await visit(`/sign-in?to=${encodeURIComponent(to)}`);
      await signIn(page, world.credential);
      await page.waitForURL(({ pathname }) => pathname !== "/sign-in");
      expect(new URL(page.url()).origin).toBe(world.url);
      await context.close();
    },
  );

  it("go on at once for who has a session, so that links from other sites work", async () => {
    const { context, page } = await visit("/sign-in");
    await signIn(page, world.credential);
    await expect.poll(() => textOf(page, "#who")).toBe("production · admin");
    const elsewhere = await context.newPage();
    await elsewhere.goto(`${world.legacyUrl.replace("localhost", "127.0.0.1")}/sign-in`);
    await elsewhere.evaluate(`location.href = ${JSON.stringify(`${world.url}/people`)}`);
    await elsewhere.waitForURL(`${world.url}/people`);
    await expect.poll(() => textOf(elsewhere, "#who")).toBe("production · admin");
    await context.close();
  });

  it.each(["light", "dark"] as const)("take a key in %s without errors", async (scheme) => {
    const { context, page, troubles } = await visit("/", scheme);
    const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    expect(Number(/\d+/.exec(ground)?.[0]) < 128).toBe(scheme === "dark");
    await signIn(page, "ck_live_");
    await expect.poll(() => textOf(page, "#trouble")).not.toBe("");
    await shoot(page, `sign-in-${scheme}`);
    expect(troubles).toEqual([]);
    await context.close();
  });
});
