import type {
  CacheableRequestOptions,
  ReadResourceResult,
  Resource,
  ResourceTemplateType as ResourceTemplate,
} from '@modelcontextprotocol/client';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client';
import { keyFault } from '@weir/kit';
import {
  type Caller,
  type ContextDefinition,
  type ContextValue,
  defineContext,
  type ListEntry,
  type ListPage,
  type ListQuery,
} from '@weir/sdk/provider';
import { contentsType } from '../media-types.ts';
import { plain } from './errors.ts';
import type { Session } from './session.ts';

/** What reading resources needs of an upstream. */
export interface ResourceDeps {
  readonly timeoutMs: number;
  /** Asks the upstream; throws a ProviderError when it does not answer well. */
  ask<T>(caller: Caller, task: (session: Session) => Promise<T>): Promise<T>;
  /** Is told of every resource that was read. */
  onRead(uri: string): void;
  suggest(template: string): ContextDefinition['suggest'];
}

/** The resources of an upstream as a context. */
export interface Resources {
  contextOf(templates: readonly ResourceTemplate[]): ContextDefinition;
  /** What was listed may have changed. */
  forget(): void;
}

/** The built-in type of whatever a URI names. */
export const resourceType = { type: 'Resource', version: '1.0.0' } as const;

const listedMax = 10_000;
/** The pages of one list come from one walk through the upstream's own. */
const listedForMs = 5_000;
/** Of so many callers. */
const listsMax = 100;
const templatesMax = 100;
const templateMaxChars = 1_024;
const ttlMaxMs = 24 * 3_600_000;
const titleMaxChars = 200;
const mediaType = /^[\w.+-]+\/[\w.+-]+(;[\x20-\x7e]{0,100})?$/;

/** Makes a context of what an upstream has. */
export function createResources(deps: ResourceDeps): Resources {
  const options = (signal: AbortSignal): CacheableRequestOptions => ({
    cacheMode: 'bypass',
    timeout: deps.timeoutMs,
    signal,
  });
  const lists = createLists(({ caller, signal }) =>
    deps.ask(caller, (session) => walk(session, options(signal))),
  );
  return {
    forget: lists.forget,
    contextOf: (templates) =>
      defineContext<unknown>({
        ...resourceType,
        fetch: async ({ key, caller, signal }) => {
          const result = await deps.ask(caller, (session) => read(session, key, options(signal)));
          if (result) deps.onRead(key);
          return result && contentOf(result, key);
        },
        list: async (query) => pageOf(await lists.all(query), query),
        keyTemplates: templatesOf(templates),
        suggest: async (query) => (await deps.suggest(query.template ?? '')?.(query)) ?? [],
      }),
  };
}

async function read(
  { client }: Session,
  uri: string,
  options: CacheableRequestOptions,
): Promise<ReadResourceResult | undefined> {
  try {
    return await client.readResource({ uri }, options);
  } catch (error) {
    // The URI is the only parameter: servers say of either that they have no such resource.
    const codes: readonly number[] = [
      ProtocolErrorCode.ResourceNotFound,
      ProtocolErrorCode.InvalidParams,
    ];
    if (error instanceof ProtocolError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

function contentOf(result: ReadResourceResult, key: string): ContextValue<unknown> {
  const { contents } = result;
  const { ttlMs } = result as { ttlMs?: unknown };
  const ttl = typeof ttlMs === 'number' && ttlMs > 0 ? Math.min(ttlMs, ttlMaxMs) : 0;
  const [only, ...others] = contents;
  // What stands beside a content has no place beside bytes.
  if (!only || others.length > 0 || only._meta) {
    const value = JSON.stringify({ contents });
    return { value, contentType: contentsType, ttlMs: ttl };
  }
  const isText = 'text' in only;
  const otherwise = isText ? 'text/plain; charset=utf-8' : 'application/octet-stream';
  const contentType = mediaType.test(only.mimeType ?? '') ? only.mimeType : otherwise;
  return {
    value: isText ? only.text : Buffer.from(only.blob, 'base64'),
    contentType,
    ttlMs: ttl,
    labels: { form: isText ? 'text' : 'blob' },
    ...(only.uri !== key && { source: only.uri }),
  };
}

async function walk({ client }: Session, options: CacheableRequestOptions): Promise<ListEntry[]> {
  const { resources } = await client.listResources(undefined, options);
  return resources
    .slice(0, listedMax)
    .filter(({ uri }) => keyFault(uri) === undefined)
    .map(entryOf)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

type Walk = (query: Pick<ListQuery, 'caller' | 'signal'>) => Promise<ListEntry[]>;

/** What each caller may list, where the upstream is told who that is. */
function createLists(walked: Walk) {
  const held = new Map<string, { readonly untilMs: number; readonly entries: ReturnType<Walk> }>();
  return {
    all(query: ListQuery): ReturnType<Walk> {
      const nowMs = performance.now();
      for (const [name, { untilMs }] of held) if (untilMs <= nowMs) held.delete(name);
      const name = JSON.stringify([query.caller.tenant, query.caller.principal]);
      const known = held.get(name);
      if (known) return known.entries;
      const next = { untilMs: nowMs + listedForMs, entries: walked(query) };
      held.set(name, next);
      const [oldest] = held.keys();
      if (held.size > listsMax && oldest !== undefined) held.delete(oldest);
      next.entries.catch(() => {
        if (held.get(name) === next) held.delete(name);
      });
      return next.entries;
    },
    forget: () => held.clear(),
  };
}

function entryOf({ uri, name, title, description, mimeType, size, annotations }: Resource) {
  const changed = Date.parse(annotations?.lastModified ?? '');
  return {
    key: uri,
    title: plain(title ?? name).slice(0, titleMaxChars),
    summary: plain(description ?? ''),
    ...(mediaType.test(mimeType ?? '') && { contentType: mimeType }),
    ...(size !== undefined && Number.isSafeInteger(size) && size >= 0 && { sizeBytes: size }),
    ...(Number.isFinite(changed) && { updateTime: new Date(changed) }),
  };
}

function pageOf(entries: readonly ListEntry[], query: ListQuery): ListPage {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fit = entries.filter(({ key, title = '', summary = '' }) => {
    const text = `${key} ${title} ${summary}`.toLowerCase();
    return key.startsWith(query.keyPrefix) && words.every((word) => text.includes(word));
  });
  const from = Number(query.pageToken) || 0;
  const to = from + query.pageSize;
  return { entries: fit.slice(from, to), ...(to < fit.length && { nextPageToken: String(to) }) };
}

function templatesOf(templates: readonly ResourceTemplate[]) {
  const seen = new Set<string>();
  return templates
    .filter(({ uriTemplate, name }) => {
      const isNew = name !== '' && !seen.has(name);
      seen.add(name);
      return isNew && uriTemplate.length <= templateMaxChars;
    })
    .slice(0, templatesMax)
    .map(({ uriTemplate, name, title, description, mimeType }) => ({
      template: uriTemplate,
      name: plain(name).slice(0, titleMaxChars),
      title: plain(title ?? '').slice(0, titleMaxChars),
      description: plain(description ?? ''),
      ...(mediaType.test(mimeType ?? '') && { contentType: mimeType }),
    }));
}
