import { describe, expect, it } from "vitest";
import { publicUrl, socketUrlOf } from "./socket-url.ts";

describe("the gateway's WebSocket", () => {
  const elsewhere = () => "http://10.0.0.7:8083";

  it.each([
    ["in this process", undefined, () => undefined, "http://localhost:8080", "ws://localhost:8080/ws"],
    ["in this process, reached over TLS", undefined, () => undefined, "https://carillon.example", "wss://carillon.example/ws"],
    ["in another process", undefined, elsewhere, "https://carillon.example", "ws://10.0.0.7:8083/ws"],
    ["where the setting says", "wss://push.example/bell", elsewhere, "http://localhost:8080", "wss://push.example/bell"],
  ])("%s", (_where, setting, gatewayAt, baseUrl, url) => {
    expect(socketUrlOf(setting, gatewayAt)(baseUrl)).toBe(url);
  });

  it.each(["https://push.example/ws", "push.example", "wss://push.example/ws#top", ""])("is at no %j", (text) => {
    expect(publicUrl.safeParse(text).error?.issues[0]?.message).toMatch(/^must be the URL of a WebSocket/);
  });
});
