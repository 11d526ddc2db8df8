/**
 * grpc.reflection.v1.ServerReflection: the contracts, for grpcurl and its like, so that they need no descriptor set.
 */

import { createRegistry, type DescFile, type DescService, type MessageInitShape, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "#gen/grpc/reflection/v1/reflection_pb.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** The services are asked for at the first call: when this one is registered, not all are known. */
export function reflectionService(services: () => Iterable<DescService>): (router: ConnectRouter) => void {
  let known: Contracts | undefined;
  return (router) =>
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          known ??= contractsOf([...services()]);
          yield { validHost: request.host, originalRequest: request, messageResponse: answer(known, request) };
        }
      },
    });
}

interface Contracts {
  readonly services: readonly DescService[];
  /** By name, such as "carillon/common/v1/common.proto". */
  readonly files: ReadonlyMap<string, DescFile>;
  readonly registry: Registry;
}

function contractsOf(services: readonly DescService[]): Contracts {
  const files = new Map<string, DescFile>();
  for (const { file } of services) for (const each of withDependencies(file)) files.set(each.proto.name, each);
  return { services, files, registry: createRegistry(...files.values()) };
}

/** What a file stands on, and last the file itself: each after what it needs. */
function withDependencies(file: DescFile, met = new Set<DescFile>()): Set<DescFile> {
  for (const each of file.dependencies) if (!met.has(each)) withDependencies(each, met);
  return met.add(file);
}

function answer({ services, files, registry }: Contracts, { messageRequest: asked }: ServerReflectionRequest): Answer {
  switch (asked.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map(({ typeName }) => ({ name: typeName })) } };
    case "fileByFilename":
      return fileAnswer(files.get(asked.value));
    case "fileContainingSymbol":
      return fileAnswer(fileOf(registry, asked.value));
    case "fileContainingExtension": {
      const message = registry.getMessage(asked.value.containingType);
      return fileAnswer(message && registry.getExtensionFor(message, asked.value.extensionNumber)?.file);
    }
    case "allExtensionNumbersOfType": {
      const extensions = [...registry].filter((desc) => desc.kind === "extension" && desc.extendee.typeName === asked.value);
      const extensionNumber = extensions.map((desc) => (desc.kind === "extension" ? desc.number : 0));
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: asked.value, extensionNumber } };
    }
    default:
      return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "The request asks for nothing." } };
  }
}

/** Of a type, or of a method, field or value within one. */
const fileOf = (registry: Registry, symbol: string): DescFile | undefined =>
  (registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf(".")))))?.file;

function fileAnswer(file: DescFile | undefined): Answer {
  if (!file)
    return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: "There is no such thing in the contracts." } };
  // The one asked for comes first.
  const fileDescriptorProto = [...withDependencies(file)].reverse().map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}
