import { expect, test } from "vitest";
import { isHost, isHostAndPort } from "./host.ts";

test.each(["kafka-1:9092", "10.0.0.1:1", "[::1]:9092", "kafka.example.com:65535"])("%s is a host with its port", (text) => {
  expect([isHost(text), isHostAndPort(text)]).toEqual([true, true]);
});

test.each(["cassandra-1", "127.0.0.1", "[::1]"])("%s is a host without one", (text) => {
  expect([isHost(text), isHostAndPort(text)]).toEqual([true, false]);
});

test.each(["", "::1", "host:", "host:0", "host:65536", "host:x", "http://host:9092", "user@host:1", "two hosts:1", ":9092"])(
  "%j is none",
  (text) => {
    expect([isHost(text), isHostAndPort(text)]).toEqual([false, false]);
  },
);
