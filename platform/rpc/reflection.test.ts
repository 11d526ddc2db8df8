import { createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { ServerReflection, type ServerReflectionRequestSchema } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { started, transports } from "./server.fixture.ts";

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function ask(...asked: Asked[]) {
  const client = createClient(ServerReflection, transports.gRPC(await started()));
  async function* requests() {
    for (const messageRequest of asked) yield { host: "localhost", messageRequest };
  }
  const answers = [];
  for await (const { messageResponse } of client.serverReflectionInfo(requests())) answers.push(messageResponse);
  return answers;
}

it("lists the services", async () => {
  const [answer] = await ask({ case: "listServices", value: "" });
  expect(answer?.case === "listServicesResponse" && answer.value.service.map(({ name }) => name).sort()).toEqual([
    "carillon.ingest.v1.IngestService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
  ]);
});

it.each<[string, Asked]>([
  ["a service", { case: "fileContainingSymbol", value: "carillon.ingest.v1.IngestService" }],
  ["a method", { case: "fileContainingSymbol", value: "carillon.ingest.v1.IngestService.Send" }],
  ["a message", { case: "fileContainingSymbol", value: "carillon.ingest.v1.SendRequest" }],
  ["a file", { case: "fileByFilename", value: "carillon/ingest/v1/ingest.proto" }],
])("hands out the file of %s with all that it stands on", async (_what, asked) => {
  const [answer] = await ask(asked);
  const bytes = answer?.case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
  const file = bytes.map((each) => fromBinary(FileDescriptorProtoSchema, each));
  expect(file[0]?.name).toBe("carillon/ingest/v1/ingest.proto");
  // It wants each file after what it stands on, and throws where something is missing.
  const registry = createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file: file.toReversed() });
  expect(registry.getService("carillon.ingest.v1.IngestService")?.method.send).toBeDefined();
});

it("knows the extensions that the contracts use", async () => {
  const containingType = "google.protobuf.FieldOptions";
  const answers = await ask(
    { case: "allExtensionNumbersOfType", value: containingType },
    { case: "fileContainingExtension", value: { containingType, extensionNumber: 1159 } },
  );
  expect(answers[0]).toMatchObject({ case: "allExtensionNumbersResponse", value: { extensionNumber: expect.arrayContaining([1159]) } });
  expect(answers[1]?.case).toBe("fileDescriptorResponse");
});

it("says so of what is not there, and goes on", async () => {
  const answers = await ask(
    { case: "fileContainingSymbol", value: "carillon.Nothing" },
    { case: "fileByFilename", value: "nothing.proto" },
    { case: "listServices", value: "" },
  );
  expect(answers.map((answer) => answer?.case)).toEqual(["errorResponse", "errorResponse", "listServicesResponse"]);
});
