/**
 * A receiver of OTLP/HTTP, as a collector is one: takes ExportTraceServiceRequest in Protobuf on /v1/traces and keeps the spans.
 *
 * Read by field number, as opentelemetry/proto/{collector/trace,trace,common}/v1 give them: https://github.com/open-telemetry/opentelemetry-proto
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client, 5 consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  /** Nanoseconds of the epoch. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** 2: error. */
  readonly status: number;
  readonly service: unknown;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Everything that came, as it was on the wire. */
  readonly bodies: Buffer[];
  /** Where it was asked, in order. */
  readonly paths: string[];
  close(): Promise<void>;
}

export async function openReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      paths.push(request.url ?? "");
      if (!request.url?.endsWith("/v1/traces") || request.headers["content-type"] !== "application/x-protobuf") {
        response.writeHead(400).end();
        return;
      }
      const sent = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      bodies.push(body);
      spans.push(...spansOf(body));
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ spans, bodies, paths },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Value = bigint | Uint8Array;
type Fields = ReadonlyMap<number, readonly Value[]>;

/** One message's fields: numbers as bigint, everything else as bytes. */
function fieldsOf(message: Uint8Array): Fields {
  const reader = new BinaryReader(message);
  const fields = new Map<number, Value[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const read = (): Value | undefined => {
      if (type === WireType.LengthDelimited) return reader.bytes();
      if (type === WireType.Varint) return BigInt(reader.int64());
      if (type === WireType.Bit64) return BigInt(reader.fixed64());
      reader.skip(type);
      return undefined;
    };
    const value = read();
    if (value !== undefined) fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const all = (fields: Fields, number: number): Fields[] => (fields.get(number) ?? []).map((each) => fieldsOf(each as Uint8Array));
const bytes = (fields: Fields, number: number): Buffer => Buffer.from((fields.get(number)?.[0] as Uint8Array | undefined) ?? []);
const whole = (fields: Fields, number: number): bigint => (fields.get(number)?.[0] as bigint | undefined) ?? 0n;

/** KeyValue 1 key, 2 AnyValue: 1 string, 2 bool, 3 int, 4 double. */
function attributesOf(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    all(fields, number).map((pair) => {
      const value = fieldsOf(bytes(pair, 2));
      const read = () => {
        if (value.has(1)) return bytes(value, 1).toString();
        if (value.has(2)) return whole(value, 2) === 1n;
        if (value.has(3)) return Number(whole(value, 3));
        return undefined;
      };
      return [bytes(pair, 1).toString(), read()];
    }),
  );
}

/** ResourceSpans 1 (Resource 1, ScopeSpans 2) > Span 2. */
function spansOf(body: Uint8Array): ReceivedSpan[] {
  return all(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const [resource] = all(resourceSpans, 1);
    const service = resource && attributesOf(resource, 1)["service.name"];
    return all(resourceSpans, 2).flatMap((scopeSpans) =>
      all(scopeSpans, 2).map((span) => ({
        traceId: bytes(span, 1).toString("hex"),
        spanId: bytes(span, 2).toString("hex"),
        parentSpanId: bytes(span, 4).toString("hex"),
        name: bytes(span, 5).toString(),
        kind: Number(whole(span, 6)),
        startNs: whole(span, 7),
        endNs: whole(span, 8),
        attributes: attributesOf(span, 9),
        events: all(span, 11).map((event) => bytes(event, 2).toString()),
        status: Number(whole(all(span, 15)[0] ?? new Map(), 3)),
        service,
      })),
    );
  });
}
