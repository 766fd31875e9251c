import {
  createRegistry,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { file_google_rpc_error_details } from '@weir/sdk/gen/google/rpc/error_details_pb';
import {
  type ServerReflectionRequest,
  ServerReflection as V1,
} from '@weir/sdk/gen/grpc/reflection/v1/reflection_pb';
import {
  ServerReflection as V1Alpha,
  type ServerReflectionRequest as V1AlphaRequest,
} from '@weir/sdk/gen/grpc/reflection/v1alpha/reflection_pb';
import { untilAborted } from './abort.ts';
import { drainingKey } from './draining.ts';

/** The descriptors that reflection tells of. */
interface Catalogue {
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, DescFile>;
  readonly symbols: Registry;
}

/** The services that reflection adds to a server. */
export const reflectionServices: readonly DescService[] = [V1, V1Alpha];

/**
 * Adds server reflection (v1 and v1alpha) to a router. It tells of the services given, all that
 * they are made of, and the details that errors carry.
 */
export function addReflection(router: ConnectRouter, services: readonly DescService[]): void {
  const catalogue = createCatalogue(services);
  router.service(V1, {
    serverReflectionInfo: (requests, { values }) =>
      answers(catalogue, requests, values.get(drainingKey)),
  });
  router.service(V1Alpha, {
    serverReflectionInfo: (requests, { values }) =>
      answers(catalogue, requests, values.get(drainingKey)),
  });
}

/** Answers request by request, until the caller ends or the server drains. */
async function* answers<R extends ServerReflectionRequest | V1AlphaRequest>(
  catalogue: Catalogue,
  requests: AsyncIterable<R>,
  draining: AbortSignal,
) {
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const next = await untilAborted(draining, iterator.next()).catch((error: unknown) => {
      if (draining.aborted) return undefined;
      throw error;
    });
    if (next === undefined || next.done === true) return;
    yield answer(catalogue, next.value);
  }
}

function createCatalogue(services: readonly DescService[]): Catalogue {
  const files = new Map<string, DescFile>();
  for (const service of services) collect(service.file, files);
  collect(file_google_rpc_error_details, files);
  return {
    services: services.map((service) => service.typeName).toSorted(),
    files,
    symbols: createRegistry(...files.values()),
  };
}

/** Dependencies first, as clients that build as they read expect. */
function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (into.has(file.proto.name)) return;
  for (const dependency of file.dependencies) collect(dependency, into);
  into.set(file.proto.name, file);
}

function answer<R extends ServerReflectionRequest | V1AlphaRequest>(
  catalogue: Catalogue,
  request: R,
) {
  return {
    validHost: request.host,
    originalRequest: request,
    messageResponse: messageResponse(catalogue, request.messageRequest),
  };
}

function messageResponse(
  catalogue: Catalogue,
  asked: (ServerReflectionRequest | V1AlphaRequest)['messageRequest'],
) {
  switch (asked.case) {
    case 'listServices': {
      const service = catalogue.services.map((name) => ({ name }));
      return { case: 'listServicesResponse' as const, value: { service } };
    }
    case 'fileByFilename':
      return filesResponse(catalogue.files.get(asked.value), asked.value);
    case 'fileContainingSymbol':
      return filesResponse(fileOf(catalogue.symbols, asked.value), asked.value);
    case 'fileContainingExtension':
    case 'allExtensionNumbersOfType':
      return failure(Code.NotFound, 'this server uses no extensions');
    case undefined:
      return failure(Code.InvalidArgument, 'the request asks for nothing');
    default:
      return asked satisfies never;
  }
}

/** Finds types by their names; fields, values and methods by the types that hold them. */
function fileOf(symbols: Registry, symbol: string): DescFile | undefined {
  const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
  return (symbols.get(symbol) ?? symbols.get(parent))?.file;
}

function filesResponse(file: DescFile | undefined, asked: string) {
  if (file === undefined) return failure(Code.NotFound, `this server does not know ${asked}`);
  const needed = new Map<string, DescFile>();
  collect(file, needed);
  const fileDescriptorProto = [...needed.values()]
    .toReversed()
    .map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto } };
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: 'errorResponse' as const, value: { errorCode, errorMessage } };
}
