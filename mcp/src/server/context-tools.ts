import { create, type JsonObject } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { reasonName } from '@weir/kit';
import {
  type ContextRef,
  ContextRefSchema,
  type Item,
  type ItemResult,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  type ContextEntry,
  FetchContextRequestSchema,
  ListContextRequestSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { McpCall } from './call.ts';
import { contextFetchTool, contextListTool } from './context-tool-schemas.ts';
import { mediaTypeOf, textOf } from './item-contents.ts';
import { readJson } from './json-bytes.ts';
import { isObject } from './json-rpc.ts';
import { invalidParams } from './params.ts';
import { itemOfUri, uriOfItem } from './resource-uri.ts';

const INT32_MAX = 2 ** 31 - 1;

/** What Weir itself offers as tools: models that know no resources reach context by them. */
export const contextTools: readonly JsonObject[] = [contextFetchTool, contextListTool];

/** The tool of ours by that name. */
export function contextToolNamed(name: string) {
  if (name === contextFetchTool.name) return fetchItems;
  return name === contextListTool.name ? listItems : undefined;
}

/** Fetches many items at once: what can be had is there, and of the rest it is said why it is not. */
async function fetchItems(call: McpCall, args: JsonObject): Promise<JsonObject> {
  const refs = refsOf(args);
  const { max_age_ms: maxAgeMs, min_quality: minQuality, purpose } = args;
  const request = create(FetchContextRequestSchema, {
    refs,
    ...(typeof purpose === 'string' && { purpose }),
    ...(maxAgeMs !== undefined && { maxAge: durationFromMs(numberOf('max_age_ms', maxAgeMs)) }),
    ...(minQuality !== undefined && { minQuality: numberOf('min_quality', minQuality) }),
  });
  const { backend, visit, signal } = call;
  const { results } = await visit.call(
    { method: RouterService.method.fetchContext, signal },
    (context) => backend.fetchContext(request, context),
  );
  const items = results.map((result, at) => itemOf(refs[at] ?? create(ContextRefSchema), result));
  const found = items.filter((item) => item.found).length;
  return structured({ found, missing: items.length - found, items });
}

/** Lists what there is to fetch. */
async function listItems(call: McpCall, args: JsonObject): Promise<JsonObject> {
  const text = (name: string) => optional(args, name);
  const request = create(ListContextRequestSchema, {
    ...{ type: text('type'), keyPrefix: text('key_prefix'), query: text('query') },
    ...{ provider: text('provider'), pageToken: text('page_token'), purpose: text('purpose') },
    ...(args.page_size !== undefined && { pageSize: sizeOf(args.page_size) }),
  });
  const { backend, visit, signal } = call;
  const { entries, nextPageToken, gaps } = await visit.call(
    { method: RouterService.method.listContext, signal },
    (context) => backend.listContext(request, context),
  );
  return structured({
    items: entries.flatMap(entryOf),
    ...(nextPageToken !== '' && { next_page_token: nextPageToken }),
    ...(gaps.length > 0 && {
      gaps: gaps.map(({ provider, type, refusal }) => ({
        ...{ provider, type, text: refusal?.text ?? '' },
      })),
    }),
  });
}

function refsOf({ refs, uris }: JsonObject): ContextRef[] {
  const given = Array.isArray(refs) ? refs : [];
  const named = Array.isArray(uris) ? uris : [];
  return [...given.map(refOf), ...named.map(namedRef)];
}

function refOf(given: unknown, at: number): ContextRef {
  if (!isObject(given)) throw invalidParams(`refs[${at}] must be an object with type and key`);
  return create(ContextRefSchema, {
    ...{ type: optional(given, 'type'), key: optional(given, 'key') },
    ...{ provider: optional(given, 'provider'), versionRange: optional(given, 'version_range') },
  });
}

function namedRef(uri: unknown, at: number): ContextRef {
  if (typeof uri !== 'string') throw invalidParams(`uris[${at}] must be a text`);
  return create(ContextRefSchema, itemOfUri(uri));
}

function itemOf(ref: ContextRef, result: ItemResult) {
  const { outcome, quality, redacted } = result;
  const named = { uri: uriOfItem(ref), type: ref.type, key: ref.key };
  if (outcome.case !== 'item') {
    const { reason = 0, text = '', retryDelay } = outcome.value ?? {};
    const why = { reason: reasonName(reason), text };
    return {
      ...{ ...named, found: false, ...why },
      ...(retryDelay && { retry_after_ms: durationMs(retryDelay) }),
    };
  }
  const { contentType, version, asOf, etag, provenance } = outcome.value;
  return {
    ...{ ...named, found: true, content_type: contentType, ...shownValue(outcome.value) },
    ...(version !== '' && { version }),
    ...(etag !== '' && { etag }),
    ...(asOf && { as_of: timestampDate(asOf).toISOString() }),
    ...(quality !== undefined && { quality }),
    ...(redacted && { redacted }),
    ...(provenance && { provider: provenance.provider, source: provenance.source }),
  };
}

/** A value as models read it best: JSON as it is, texts as texts. */
function shownValue(item: Item): JsonObject {
  const { body, contentType } = item;
  if (body.case === 'url') return { url: body.value, size: Number(item.sizeBytes) };
  const payload = body.value ?? new Uint8Array();
  const isJson = /^application\/(.*\+)?json$/.test(mediaTypeOf(contentType));
  const value = isJson ? readJson(payload) : undefined;
  if (value !== undefined) return { value };
  const text = textOf(payload, item);
  return text === undefined ? { base64: Buffer.from(payload).toString('base64') } : { text };
}

function entryOf({ ref, title, summary, score, contentType, updateTime }: ContextEntry) {
  if (!ref) return [];
  const { provider, type, key } = ref;
  return [
    {
      ...{ uri: uriOfItem(ref), type, key, provider },
      ...(title !== '' && { title }),
      ...(summary !== '' && { summary }),
      ...(score > 0 && { score }),
      ...(contentType !== '' && { content_type: contentType }),
      ...(updateTime && { update_time: timestampDate(updateTime).toISOString() }),
    },
  ];
}

/** Weir says what is wrong with a size; here it only has to be one that can be told. */
function sizeOf(value: unknown): number {
  const size = numberOf('page_size', value);
  if (Number.isInteger(size)) return Math.min(size, INT32_MAX);
  throw invalidParams('page_size must be a whole number');
}

function structured(value: JsonObject): JsonObject {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

function optional(from: JsonObject, name: string): string {
  const value = from[name] ?? '';
  if (typeof value === 'string') return value;
  throw invalidParams(`${name} must be a text`);
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
  throw invalidParams(`${name} must be a number of at least 0`);
}
