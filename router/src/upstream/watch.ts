import { toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { createWatchDecoder } from './answer-guard.ts';
import { verdictOf } from './attempts.ts';
import { framed } from './lean/frames.ts';
import { broken, noEndpoint, type StreamDeps } from './stream.ts';

/** A watch of a provider, at one of its endpoints. */
export interface Watching {
  readonly endpoint: Endpoint;
  /** What it tells: all that has come since it was last asked for. Leave the loop to end it. */
  readonly messages: AsyncIterable<readonly WatchResponse[]>;
}

/** A watch is begun anew after so long, perhaps at another endpoint. */
export const WATCH_MAX_MS = 3_600_000;

/** What is watched, and what is sent to it. */
interface Asked {
  readonly provider: ProviderVersion;
  readonly request: WatchRequest;
  readonly headers: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Watches a provider version at an endpoint of it. It takes no room at its gate, for it lasts; its
 * breaker keeps it away, and is not told of it. Throws PROVIDER_UNAVAILABLE.
 */
export function watchFrom(deps: StreamDeps, asked: Asked): Watching {
  const { provider } = asked;
  const { chooser } = deps;
  const { breaker } = deps.pressureOf(provider);
  if (breaker.refusedForMs() > 0) throw broken(breaker, provider);
  const endpoint = chooser.choose(provider);
  if (!endpoint) throw noEndpoint(provider);
  // It may say nothing for as long as nothing happens: others need not wait for its verdict.
  chooser.report(provider, endpoint, 'unseen');
  return { endpoint, messages: messagesOf(deps, asked, endpoint) };
}

async function* messagesOf(
  { chooser, clientOf }: StreamDeps,
  { provider, request, headers, signal }: Asked,
  endpoint: Endpoint,
): AsyncGenerator<readonly WatchResponse[]> {
  const body = framed(toBinary(WatchRequestSchema, request));
  const call = { method: 'watch', body, headers, timeoutMs: WATCH_MAX_MS } as const;
  const replies = clientOf(endpoint).call(call, createWatchDecoder(provider));
  const end = () => replies.cancel(signal.reason);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  let isHeard = false;
  try {
    for (;;) {
      const next = await replies.next();
      if (next.done === true) return;
      if (!isHeard) chooser.report(provider, endpoint, 'answered');
      isHeard = true;
      const messages = [next.value];
      for (let more = replies.ready(); more; more = replies.ready()) messages.push(more);
      yield messages;
    }
  } catch (error) {
    const { code } = ConnectError.from(error);
    if (code === Code.DeadlineExceeded) return;
    const verdict = verdictOf(error, { signal, method: 'watch', ownTime: false });
    chooser.report(provider, endpoint, verdict);
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    replies.cancel();
  }
}
