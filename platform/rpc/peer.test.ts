import { describe, expect, it } from "vitest";
import { peerOf } from "./peer.ts";

const seen = (headers: Record<string, string>, front: { tls?: boolean; trustProxy?: boolean } = {}) =>
  peerOf("192.0.2.7", new Headers({ host: "carillon.example:8080", ...headers }), { tls: false, trustProxy: false, ...front });
const forwarded = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https" };

describe("who is at the other end", () => {
  it("is whoever is connected, where no proxy is trusted, whatever headers say", () => {
    expect(seen(forwarded)).toEqual({ address: "192.0.2.7", baseUrl: "http://carillon.example:8080" });
    expect(seen({ "x-forwarded-proto": "http" }, { tls: true }).baseUrl).toBe("https://carillon.example:8080");
  });

  it("is who the trusted proxy saw, not what its caller wrote before", () => {
    const trusted = { trustProxy: true };
    expect(seen(forwarded, trusted)).toEqual({ address: "203.0.113.9", baseUrl: "https://carillon.example:8080" });
    expect(seen({ "x-forwarded-for": "10.0.0.1, 198.51.100.3,203.0.113.9 " }, trusted).address).toBe("203.0.113.9");
    expect(seen({ "x-forwarded-for": "2001:db8::1" }, trusted).address).toBe("2001:db8::1");
  });

  it.each(["", "unknown", "203.0.113.9:4711", "<script>"])("is the connection where the proxy says %j", (text) => {
    expect(seen({ "x-forwarded-for": text }, { trustProxy: true }).address).toBe("192.0.2.7");
  });

  it("links to a host only when it is one", () => {
    expect(seen({ host: "x.example/?<script>" }).baseUrl).toBe("http://localhost");
    expect(seen({ host: "[::1]:8080" }).baseUrl).toBe("http://[::1]:8080");
  });
});
