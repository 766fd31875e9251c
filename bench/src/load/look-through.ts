import { fromBinary } from '@bufbuild/protobuf';
import {
  type FetchContextResponse,
  FetchContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Traffic } from '../model.ts';
import { grpcPrefixBytes } from './requests.ts';

/** Decodes an answer and looks it through. '': it is as it should be, else what is wrong. */
export function lookThrough(parts: readonly Uint8Array[], traffic: Traffic): string {
  const content = Buffer.concat(parts);
  const response = decode(
    traffic.protocol === 'grpc' ? content.subarray(grpcPrefixBytes) : content,
  );
  if (!response) return 'not a FetchContextResponse';
  if (response.results.length !== traffic.results) return 'wrong number of results';
  const items = response.results.filter((result) => result.outcome.case === 'item').length;
  const refusals = traffic.refusalsAllowed
    ? response.results.filter((result) => result.outcome.case === 'refusal').length
    : 0;
  return items + refusals === traffic.results ? '' : 'result without an item';
}

function decode(message: Uint8Array): FetchContextResponse | undefined {
  try {
    return fromBinary(FetchContextResponseSchema, message);
  } catch {
    return undefined;
  }
}
