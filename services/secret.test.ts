import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { secretOf } from "./secret.ts";

describe("a secret of the installation", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "carillon-secret-"));
    file = join(folder, "gateway-token.secret");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is made once, for its owner alone, and leaves nothing else behind", () => {
    const made = secretOf(file);
    expect(made).toHaveLength(32);
    expect(secretOf(file)).toEqual(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["gateway-token.secret"]);
  });

  it("may be written in hexadecimal", () => {
    const made = secretOf(file, "hex");
    expect(Buffer.from(made).toString()).toMatch(/^[0-9a-f]{64}$/);
    expect(secretOf(file, "hex")).toEqual(made);
  });

  it.each([
    ["an empty", 0],
    ["a cut", 12],
    ["a longer", 33],
  ])("%s one is refused, says what to do, and is left as it is", (_what, bytes) => {
    writeFileSync(file, Buffer.alloc(bytes, 1));
    expect(() => secretOf(file)).toThrow(/has \d+ bytes instead of 32.*Remove the file and start again/);
    expect(readFileSync(file)).toHaveLength(bytes);
  });

  it("that cannot be made is refused with a sentence, and no name is taken", () => {
    expect(() => secretOf(join(folder, "missing", "x.secret"))).toThrow("can be neither read nor made (ENOENT)");
    expect(readdirSync(folder)).toEqual([]);
  });
});
