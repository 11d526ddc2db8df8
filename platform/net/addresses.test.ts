import { expect, it } from "vitest";
import { isPublic, mayReach } from "./addresses.ts";

it.each(["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])("%s is public", (address) => {
  expect(isPublic(address)).toBe(true);
  expect(mayReach(address, "public")).toBe(true);
});

it.each([
  ...["0.0.0.0", "10.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
  ...["100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1", "ff02::1", "fec0::1"],
  // An address of version 4 inside one of version 6.
  ...["::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::"],
])("%s is not public", (address) => {
  expect(isPublic(address)).toBe(false);
  expect(mayReach(address, "public")).toBe(false);
  expect(mayReach(address, "private")).toBe(true);
});

it("this machine may be reached where that is allowed, and nothing else that is not public", () => {
  expect(["127.0.0.1", "127.1.2.3", "::1"].every((address) => mayReach(address, "loopback"))).toBe(true);
  expect(["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"].some((address) => mayReach(address, "loopback"))).toBe(false);
});

it("what is no address is not reached", () => {
  expect(["localhost", "", "127.1"].some((text) => isPublic(text) || mayReach(text, "private"))).toBe(false);
});
