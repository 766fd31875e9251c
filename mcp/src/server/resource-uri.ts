import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { invalidParams } from './params.ts';

/** The type of what has a URI of its own, which is its key. */
export const resourceType = 'Resource';
const SCHEME = 'weir://';

/** Of a ref what names an item. */
export type ItemName = Pick<ContextRef, 'provider' | 'type' | 'key'>;

/** The URI of an item: its own, or one made of its names. */
export function uriOfItem({ provider, type, key }: ItemName): string {
  if (type === resourceType) return key;
  return `${SCHEME}${[provider, type].map(encodeURIComponent).join('/')}/${encodeKey(key)}`;
}

/** The item that a URI names. Throws where it is one of ours and names none. */
export function itemOfUri(uri: string): ItemName {
  if (!uri.startsWith(SCHEME)) return { provider: '', type: resourceType, key: uri };
  const [, provider = '', type = '', key = ''] =
    /^weir:\/\/([^/]+)\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  const [name, typeName, whole] = [provider, type, key].map(decoded);
  if (name && typeName && whole) return { provider: name, type: typeName, key: whole };
  throw invalidParams(`params.uri is none of ours: ${SCHEME}<provider>/<type>/<key>`, { uri });
}

/** Whether an item that something happened to is one that a client asks after. */
export function isSameItem(asked: ItemName, happened: ItemName): boolean {
  const { provider } = happened;
  const isSame = asked.type === happened.type && asked.key === happened.key;
  return isSame && (provider === '' || asked.provider === '' || provider === asked.provider);
}

/** Slashes stay, for keys are often paths. */
function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
