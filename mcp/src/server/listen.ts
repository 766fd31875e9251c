import type { JsonObject } from '@bufbuild/protobuf';
import type { ListName, McpBackend } from './backend.ts';
import { openWatch, WATCHED_URIS_MAX } from './changes.ts';
import { openEventStream } from './event-stream.ts';
import type { Exchange } from './http.ts';
import { errorCodes, McpError, notification, type RpcRequest, resultMessage } from './json-rpc.ts';
import { serverInfo } from './methods.ts';
import { invalidParams, objectOf } from './params.ts';
import { itemOfUri } from './resource-uri.ts';
import { SERVER_INFO_KEY, SUBSCRIPTION_KEY } from './stateless-envelope.ts';

/** What listening needs. */
export interface ListenDeps {
  readonly backend: McpBackend;
  /** Who listens now. */
  readonly listeners: Set<object>;
  readonly listenersMax: number;
  /** Aborted when the server drains. */
  readonly draining: AbortSignal;
}

const lists: readonly (readonly [string, ListName])[] = [
  ['toolsListChanged', 'tools'],
  ['promptsListChanged', 'prompts'],
  ['resourcesListChanged', 'resources'],
];

/** subscriptions/listen: says what it will tell of, and tells of it until the client leaves. */
export async function listen(
  { backend, listeners, listenersMax, draining }: ListenDeps,
  { response, visit, group }: Exchange,
  { id, params }: RpcRequest,
): Promise<void> {
  const wanted = wantedOf(objectOf(params, 'notifications'), params);
  if (listeners.size >= listenersMax) throw tooMany(listenersMax);
  const listener = {};
  listeners.add(listener);
  const stream = openEventStream(response);
  const _meta = { [SUBSCRIPTION_KEY]: id };
  const tell = (method: string, more: JsonObject) => {
    stream.send(notification(method, { ...more, _meta }));
  };
  const over = Promise.withResolvers<void>();
  const end = () => over.resolve();
  const { signal } = visit;
  for (const one of [signal, draining]) {
    if (one.aborted) end();
    else one.addEventListener('abort', end, { once: true });
  }
  tell('notifications/subscriptions/acknowledged', { notifications: wanted.honoured });
  using _watch = openWatch({ backend, visit, group, signal, tell, end }, wanted);
  await over.promise;
  for (const one of [signal, draining]) one.removeEventListener('abort', end);
  listeners.delete(listener);
  stream.send(
    resultMessage(id, {
      resultType: 'complete',
      _meta: { ..._meta, [SERVER_INFO_KEY]: serverInfo },
    }),
  );
  stream.end();
}

function wantedOf(asked: JsonObject, params: JsonObject) {
  if (params.notifications === undefined) throw invalidParams('params.notifications is missing');
  const chosen = lists.filter(([name]) => asked[name] === true);
  const { resourceSubscriptions: uris = [] } = asked;
  const isFit = Array.isArray(uris) && uris.length <= WATCHED_URIS_MAX;
  if (!isFit || !uris.every((uri): uri is string => typeof uri === 'string')) {
    throw invalidParams(`resourceSubscriptions must be a list of at most ${WATCHED_URIS_MAX} URIs`);
  }
  for (const uri of uris) itemOfUri(uri);
  return {
    lists: new Set(chosen.map(([, list]) => list)),
    uris: new Set(uris),
    honoured: {
      ...Object.fromEntries(chosen.map(([name]) => [name, true])),
      ...(uris.length > 0 && { resourceSubscriptions: uris }),
    },
  };
}

function tooMany(max: number): McpError {
  const text = `${max} clients listen, as many as may (WEIR_MCP_SESSIONS); try again later`;
  return new McpError(errorCodes.server, text, {
    ...{ status: 503, headers: { 'retry-after': '5' } },
  });
}
