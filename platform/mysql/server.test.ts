import { expect, test } from "vitest";
import { addressOf, said } from "./address.ts";
import { checkVersion } from "./server.ts";

test("an address is read from a URL, with its default port and its percent-encoded parts", () => {
  expect(addressOf("mysql://carillon:p%40ss%2Fword@db.internal/carillon")).toEqual({
    ...{ host: "db.internal", port: 3306, user: "carillon", password: "p@ss/word", database: "carillon" },
  });
  const local = addressOf("mysql://root@[::1]:3307/a");
  expect(local).toMatchObject({ host: "::1", port: 3307, password: "" });
  expect(said(local)).toBe("MySQL at ::1:3307");
});

test.each([
  "",
  "localhost:3306",
  "http://root:geheim@localhost/carillon",
  "mysql://root:geheim@localhost",
  "mysql://root:geheim@localhost/a/b",
])("an address that is none is refused with a sentence that does not repeat it: %j", (url) => {
  expect(() => addressOf(url)).toThrow(/^The address of MySQL must be a URL like mysql:\/\/user:password@host:3306\/database\.$/);
});

const address = addressOf("mysql://root@db:3306/carillon");

test.each([
  "8.0.36",
  "8.4.3-commercial",
  "9.1.0",
  "8.0.mysql_aurora.3.05.2",
  "10.6.0-MariaDB",
  "10.11.6-MariaDB-0+deb12u1",
  "11.4.2-MariaDB-ubu2404",
])("%s will do", (version) => {
  expect(() => checkVersion(version, address)).not.toThrow();
});

test.each(["5.7.44-log", "10.5.27-MariaDB", "5.5.68-MariaDB", ""])("%s is too old", (version) => {
  expect(() => checkVersion(version, address)).toThrow(
    /^MySQL at db:3306 is (MySQL|MariaDB) .*It must be MySQL 8.0 or later, or MariaDB 10.6 or later\.$/,
  );
});
