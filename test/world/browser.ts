/** A real browser for the pages' tests. Without Chromium (`apt-get install chromium`, or its path in CHROMIUM_PATH) they are skipped. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const hasBrowser = existsSync(executablePath);
export const startBrowser = (): Promise<Browser> => chromium.launch({ executablePath, args });

/** A page, and everything that went wrong in it. */
export async function open(
  browser: Browser,
  url: string,
  colorScheme: "light" | "dark" = "light",
): Promise<{ page: Page; troubles: string[] }> {
  const page = await browser.newPage({ colorScheme });
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  await page.goto(url);
  return { page, troubles };
}

export const textOf = async (page: Page, selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? "";
