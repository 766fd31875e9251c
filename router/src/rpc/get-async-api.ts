import { fromJson } from '@bufbuild/protobuf';
import { type Struct, StructSchema } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import type { HttpRequest } from '@weir/kit';
import { EventService, type GetAsyncApiRequest } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { createAuthority } from '../authorise.ts';
import { asyncApiOf } from '../events/asyncapi.ts';
import { declaredTopics, type Topic } from '../events/declared-topics.ts';
import type { EventDeps } from '../events/events.ts';
import { compareText } from '../snapshot/catalogue.ts';
import { askedBy } from './asked.ts';
import { type RecordDeps, recorded } from './record.ts';

/** Where the document is for who knows no RPCs. */
const ASYNCAPI_PATH = '/asyncapi.json';
const CALL = `/${EventService.typeName}/${EventService.method.getAsyncApi.name}?connect=v1&encoding=json&message=%7B%7D`;

/** What describing topics needs. */
export interface AsyncApiDeps extends EventDeps, RecordDeps {
  /** Where callers reach Weir; undefined: where the call came to. */
  readonly publicUrl: string | undefined;
}

/** GetAsyncApi: the topics that the caller may subscribe to. */
export function getAsyncApi(deps: AsyncApiDeps) {
  return (_request: GetAsyncApiRequest, context: HandlerContext): Struct | Promise<Struct> =>
    recorded(deps, context, async () => {
      const { caller, signal } = askedBy(context);
      const { tenant } = caller;
      const seen = await deps.knownTopics.of(tenant, signal);
      const snapshot = deps.holder.current;
      const declared = declaredTopics(snapshot, tenant);
      const circumstances = { purpose: '', nowMs: deps.clock.wallMs() };
      const authority = createAuthority(snapshot, caller, circumstances);
      const topics = [...new Set([...declared.keys(), ...seen])]
        .filter((topic) => authority.access('subscribe', topic).visible)
        .sort(compareText)
        .map((topic) => declared.get(topic) ?? undescribed(topic));
      const url = new URL(deps.publicUrl ?? context.url);
      const answer = fromJson(StructSchema, asyncApiOf({ tenant, topics, url }));
      return { answer, record: {} };
    });
}

function undescribed(topic: string): Topic {
  return { topic, title: '', description: '', data: undefined };
}

/** Makes a call of a request for the document; it then goes the way of every call. */
export function callAsyncApi(request: HttpRequest): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead && request.url?.split('?', 1)[0] === ASYNCAPI_PATH) request.url = CALL;
}
