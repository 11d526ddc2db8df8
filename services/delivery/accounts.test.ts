import { expect, it } from "vitest";
import { accountsOf, rateOf } from "./accounts.ts";

it.each([
  ["1000/min", { perSecond: 1000 / 60, burst: 100 }],
  ["100/s", { perSecond: 100, burst: 10 }],
  ["3600/h", { perSecond: 1, burst: 360 }],
  ["1/s", { perSecond: 1, burst: 1 }],
  ["none", "none"],
])("a rate of %s", (text, rate) => {
  expect(rateOf(text)).toEqual(rate);
});

it("a burst of one's own holds at least what a tenth of a second brings", () => {
  expect(rateOf("100/s", 200)).toEqual({ perSecond: 100, burst: 200 });
  expect(rateOf("100/s", 1)).toEqual({ perSecond: 100, burst: 10 });
});

it.each(["1000", "0/min", "-1/s", "1.5/s", "1000/day", "unlimited", ""])("no rate: %j", (text) => {
  expect(rateOf(text)).toBeUndefined();
});

it("an account is a name and a URL, with what it is to be used with", () => {
  const text = "main=smtp://mailer:p%40ss%2Cword@smtp.example.com:2525?tls=off&rate=10/s&burst=50&connections=7 , spare=smtps://[::1]";
  expect(accountsOf(text)).toEqual([
    {
      ...{ id: "main", host: "smtp.example.com", port: 2525, tls: "off", connections: 7, rate: { perSecond: 10, burst: 50 } },
      credentials: { username: "mailer", password: "p@ss,word" },
    },
    { id: "spare", host: "::1", port: 465, tls: "implicit" },
  ]);
});

it("a password is not sent in the clear unless that is said, and without one any server will do", () => {
  expect(accountsOf("a=smtp://u:p@h, b=smtp://h").map(({ tls, port }) => [tls, port])).toEqual([
    ["required", 587],
    ["opportunistic", 587],
  ]);
});

it.each([
  ["smtp.example.com", "number 1, the form is not"],
  ["a=smtp://h, b=nowhere", "number 2, the form is not"],
  ["a=http://h", "number 1, the address is not"],
  ["a=smtp://h/path", "number 1, the address is not"],
  ["A b=smtp://h", "number 1, the name is not"],
  ["mailbox=smtp://h", "number 1, the name is not"],
  ["a=smtp://user@h", "number 1, a username comes with a password"],
  ["a=smtp://u:%zz@h", "number 1, username and password are not percent-encoded"],
  ["a=smtp://h?tls=always", "number 1, tls is not"],
  ["a=smtps://h?tls=off", "number 1, smtps:// is TLS from the first byte"],
  ["a=smtp://h?rate=10", "number 1, rate must be none, or a number"],
  ["a=smtp://h?rate=1/s&rate=2/s", "number 1, rate is given twice"],
  ["a=smtp://h?burst=10", "number 1, burst comes with a rate"],
  ["a=smtp://h?connections=0", "number 1, connections is not a whole number from 1 to 1000"],
  ["a=smtp://h?timeout=1", "number 1, only tls, rate, burst and connections"],
  ["a=smtp://h, a=smtp://g", "must not name a twice"],
  [Array.from({ length: 17 }, (_, at) => `a${at}=smtp://h`).join(), "must be 16 at most"],
])("%s: %s", (text, sentence) => {
  expect(() => accountsOf(text)).toThrow(sentence);
});
