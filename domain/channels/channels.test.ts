import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channelNamed, channelNames, channels, nameOfChannel } from "#domain/channels/channel.ts";
import { normaliseEmail } from "#domain/channels/email.ts";
import { formatCursor, parseCursor } from "#domain/cursor.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";

describe("channel names", () => {
  test("every channel has one, and it leads back", () => {
    for (const channel of channels) expect(channelNamed(nameOfChannel(channel))).toBe(channel);
    expect(channels.length).toBe(channelNames.length);
  });

  test("are understood in the enum's spelling too", () => {
    for (const name of ["email", "EMAIL", "Email", "CHANNEL_EMAIL"]) expect(channelNamed(name)).toBe(Channel.EMAIL);
    for (const name of ["", "UNSPECIFIED", "fax", "1", "constructor"]) expect(channelNamed(name)).toBeUndefined();
  });
});

describe("an email address", () => {
  test("is normalised: blanks around it go, the domain is in lower case, what stands before the @ stays", () => {
    expect(normaliseEmail(" Ann.Lee+x@Example.COM\t")).toBe("Ann.Lee+x@example.com");
    expect(normaliseEmail("root@localhost")).toBe("root@localhost");
    expect(normaliseEmail("ann@BÜCHER.example")).toBe("ann@xn--bcher-kva.example");
  });

  test.each([
    ["two of them", "a@example.com,b@example.com"],
    ["two with a semicolon", "a@example.com;b@example.com"],
    ["a display name", "Ann <a@example.com>"],
    ["angle brackets", "<a@example.com>"],
    ["a comment", "a(x)@example.com"],
    ["quotes", '"a b"@example.com'],
    ["a second @", "a@b@example.com"],
    ["a source route", "@relay:a@example.com"],
    ["CR LF and a header", "a@example.com\r\nBcc: b@example.com"],
    ["a trailing line feed", "a@example.com\n"],
    ["NUL", "a@example.com\0"],
    ["a blank within", "a b@example.com"],
    ["an address literal", "a@[127.0.0.1]"],
    ["a number for a domain", "a@127.0.0.1"],
    ["a machine's own name", "a@mailhost"],
    ["nothing before the @", "@example.com"],
    ["nothing after the @", "a@"],
    ["no @", "example.com"],
    ["nothing", ""],
    ["dots that touch", "a..b@example.com"],
    ["a dot first", ".a@example.com"],
    ["a dot last", "a.@example.com"],
    ["an empty label", "a@example..com"],
    ["a dot at the end of the domain", "a@example.com."],
    ["a hyphen at a label's edge", "a@-example.com"],
    ["65 characters before the @", `${"a".repeat(65)}@example.com`],
    ["a label of 64 characters", `a@${"b".repeat(64)}.com`],
    ["255 characters", `a@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(9)}`.padEnd(255, "f")],
    ["a script's slash look-alike", "a@example.com\u2215x"],
    ["a full-width @", "a\uff20example.com"],
    ["letters of other scripts before the @", "änn@example.com"],
  ])("is refused with %s", (_what, text) => expect(normaliseEmail(text)).toBeUndefined());

  test("stays as it is once normalised, and never holds anything that a header or an envelope could mistake", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.emailAddress(),
          fc.string({ unit: "binary" }).map((text) => `a@${text}`),
          fc.string(),
        ),
        (text) => {
          const address = normaliseEmail(text);
          if (address === undefined) return;
          expect(normaliseEmail(address)).toBe(address);
          expect(address).toMatch(/^[!-~]+$/);
          expect(address).not.toMatch(/[<>()[\]\\,;:"]/);
          expect(address.split("@").length).toBe(2);
        },
      ),
      { numRuns: 2_000 },
    ));
});

describe("a cursor", () => {
  test("reads back as it was written", () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/), fc.maxSafeNat(), (epoch, seq) => {
        expect(parseCursor(formatCursor({ epoch, seq }))).toEqual({ epoch, seq });
        expect(formatCursor({ epoch, seq }).length).toBeLessThanOrEqual(64);
      }),
    ));

  test.each(["", "e", "e:", ":1", "e:-1", "e:01", "e:1.5", "e:9007199254740993", "e:1:2", "e 1", "e:1\n"])("%j is none", (text) => {
    expect(parseCursor(text)).toBeUndefined();
  });
});
