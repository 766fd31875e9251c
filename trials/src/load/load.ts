import { fork } from 'node:child_process';
import { once } from 'node:events';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';

/** A load of one call, over gRPC. */
export interface LoadSpec {
  readonly url: string;
  readonly key: string;
  readonly path: string;
  /** The body of each call, with its prefix, in base64. */
  readonly body: string;
  /** So many calls a second, come what may; or so many under way at any time. */
  readonly load:
    | { readonly kind: 'rate'; readonly perSecond: number }
    | { readonly kind: 'concurrency'; readonly calls: number };
  readonly durationMs: number;
  readonly connections: number;
}

/** What became of the calls; times from when each was due, where there is a rate. */
export interface LoadResult {
  readonly okMs: number[];
  /** Refused because of overload, with the delay after which to call again. */
  readonly refusedMs: number[];
  /** How late the load itself was. */
  readonly lateToSendMs: number[];
  /** All other ends, by what they were. */
  readonly others: Record<string, number>;
}

/** Runs a load from a process of its own. */
export async function runLoad(spec: LoadSpec, signal: AbortSignal): Promise<LoadResult> {
  const child = fork(new URL('./generate.ts', import.meta.url), { signal });
  child.send(spec);
  const [result] = (await once(child, 'message', { signal })) as [LoadResult];
  return result;
}

/** The path and body of a fetch. */
export function fetchCall(
  request: MessageInitShape<typeof FetchContextRequestSchema>,
): Pick<LoadSpec, 'path' | 'body'> {
  const message = toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, request));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const body = Buffer.concat([prefix, message]).toString('base64');
  return { path: '/weir.router.v1.RouterService/FetchContext', body };
}

/** The value below which a share of the values lies. NaN: there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
