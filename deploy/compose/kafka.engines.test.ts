/** The brokers' settings in compose.yaml, against those that the launcher gives the brokers on which everything is tested. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { obtainKafka, planKafka } from "../local/kafka.ts";
import { rememberPorts } from "../local/port.ts";
import { readCompose } from "./file.fixture.ts";

const { services } = readCompose();
const { kafka } = inject("engines");

/** Where they listen, and where their data is. */
const PLACES = ["listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"];

/** As the image makes server.properties: without the prefix, in small letters, with dots. */
const propertiesOf = (environment: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment)
      .filter(([name]) => name.startsWith("KAFKA_") && name !== "KAFKA_HEAP_OPTS")
      .map(([name, value]) => [name.slice("KAFKA_".length).toLowerCase().replaceAll("_", "."), value]),
  );

test("three brokers are set as where they are tested, but for the places", async () => {
  // Where Kafka cannot be had, this file is skipped.
  expect(kafka).not.toEqual([]);
  const dir = mkdtempSync(join(tmpdir(), "carillon-compose-kafka-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const program = await obtainKafka({ info() {}, warn() {} });
  for (const { name, dir: broker } of await planKafka(program, dir, 3, rememberPorts(join(dir, "ports.json")))) {
    const lines = readFileSync(join(broker, "server.properties"), "utf8").trim().split("\n");
    const tested = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    const set = propertiesOf(services[name]?.environment ?? {});
    // The image's own settings name it; by itself it is the first listener.
    expect(set["inter.broker.listener.name"]).toBe("PLAINTEXT");
    expect(set["advertised.listeners"]).toBe(`PLAINTEXT://${name}:9092`);
    for (const place of [...PLACES, "inter.broker.listener.name"]) {
      delete tested[place];
      delete set[place];
    }
    expect(set).toEqual(tested);
  }
}, 120_000);
