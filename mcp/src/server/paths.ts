/** Where the protocol is spoken. */
export const SERVER_PATH = '/mcp';
/** Where revision 2024-11-05 opens its stream. */
const LEGACY_PATH = '/sse';
const MESSAGES_PATH = '/messages';

/** What a path leads to. */
export interface Place {
  readonly kind: 'server' | 'legacy stream' | 'legacy messages';
  /** The path, without a query. */
  readonly path: string;
  /** The tool group that it names. Empty: none. */
  readonly group: string;
  readonly query: URLSearchParams;
}

/** Reads where a request leads to; undefined: to nothing of this protocol. */
export function placeOf(url: string | undefined): Place | undefined {
  const [path = '', query = ''] = (url ?? '').split('?', 2);
  const of = { path, query: new URLSearchParams(query) };
  if (path === MESSAGES_PATH) return { kind: 'legacy messages', group: '', ...of };
  const [, base, group = ''] = /^(\/mcp|\/sse)(?:\/([a-z][a-z0-9-]{0,62}))?$/.exec(path) ?? [];
  if (base === SERVER_PATH) return { kind: 'server', group, ...of };
  return base === LEGACY_PATH ? { kind: 'legacy stream', group, ...of } : undefined;
}
