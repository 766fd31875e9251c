import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Item, ItemResult } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { readObject } from './json-bytes.ts';
import { isObject } from './json-rpc.ts';

/** The media type of an item that is several contents at once. */
const contentsType = 'application/vnd.weir.contents+json';
/** Says of an item of the type Resource whether it is text or bytes. */
const FORM_LABEL = 'form';
const isTextType =
  /^(text\/.*|application\/(json|xml|javascript|yaml|x-yaml|toml|sql|graphql|x-ndjson|.*\+(json|xml|yaml)))$/;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What an item is to a client that reads it. */
export function contentsOf(uri: string, item: Item): JsonObject[] {
  const { body, contentType: mimeType, sizeBytes, labels } = item;
  if (body.case === 'url') {
    // Too large to carry: the link stands in its place, in the media type for such (RFC 2483).
    const _meta = { 'weir/size': Number(sizeBytes), 'weir/contentType': mimeType };
    return [{ uri, mimeType: 'text/uri-list', text: body.value, _meta }];
  }
  const payload = body.value ?? new Uint8Array();
  if (mediaTypeOf(mimeType) === contentsType) return severalOf(payload);
  const text = labels[FORM_LABEL] === 'blob' ? undefined : textOf(payload, item);
  const named = { uri, ...(mimeType !== '' && { mimeType }) };
  if (text !== undefined) return [{ ...named, text }];
  return [{ ...named, blob: Buffer.from(payload).toString('base64') }];
}

/** The text that bytes are; undefined: they are none. */
export function textOf(payload: Uint8Array, item: Pick<Item, 'contentType' | 'labels'>) {
  const { contentType, labels } = item;
  if (labels[FORM_LABEL] !== 'text' && !isTextType.test(mediaTypeOf(contentType))) return undefined;
  try {
    return decoder.decode(payload);
  } catch {
    return undefined;
  }
}

function severalOf(payload: Uint8Array): JsonObject[] {
  const { contents } = readObject(payload) ?? {};
  return Array.isArray(contents) ? contents.filter(isObject) : [];
}

/** For how long what was read stays true, in milliseconds. */
export function ttlMsOf({ outcome, age }: ItemResult): number {
  if (outcome.case !== 'item' || !outcome.value.ttl) return 0;
  return Math.max(0, Math.floor(durationMs(outcome.value.ttl) - (age ? durationMs(age) : 0)));
}

/** A media type without its parameters. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
