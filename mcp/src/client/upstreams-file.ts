import { readFile, stat } from 'node:fs/promises';
import { SettingsError } from '@weir/kit';
import { type Document, parseDocument } from 'yaml';
import { replaceFile } from './state-file.ts';
import { idOf, parseUpstreams, type UpstreamConfig, upstreamsVariable } from './upstream-config.ts';

const fileMaxBytes = 1024 * 1024;
const othersMask = 0o077;

/**
 * Reads the operator's file; there are no upstreams where there is none. A file that holds commands
 * has to be its owner's alone: who can write it can have them run.
 */
export async function readUpstreams(path: string): Promise<UpstreamConfig[]> {
  const text = await readText(path);
  if (text === undefined) return [];
  const upstreams = parseUpstreams(path, text);
  const holdsCommands = upstreams.some(({ transport }) => transport.kind === 'stdio');
  if (!holdsCommands || ((await stat(path)).mode & othersMask) === 0) return upstreams;
  throw new SettingsError(
    upstreamsVariable,
    `names ${path}, which holds commands and is open to others`,
    `chmod 600 ${path}`,
  );
}

/** An upstream as it stands in the file. */
export interface UpstreamEntry {
  readonly name: string;
  readonly tenant?: string;
  readonly stdio?: object;
  readonly http?: object;
  readonly timeout?: string;
}

/** Adds an upstream, or puts it in the place of one with its name. Says whether there was one. */
export async function putUpstream(path: string, entry: UpstreamEntry): Promise<boolean> {
  return await edit(path, (document, place) => {
    const { tenant = '', name } = entry;
    const at = place(idOf({ tenant, name }));
    if (at === undefined) document.addIn(['upstreams'], document.createNode(entry));
    else document.setIn(['upstreams', at], document.createNode(entry));
    return at !== undefined;
  });
}

/** Removes an upstream. Says whether there was one. */
export async function removeUpstream(path: string, id: string): Promise<boolean> {
  return await edit(path, (document, place) => document.deleteIn(['upstreams', place(id) ?? -1]));
}

/** Approves a definition. Says whether the upstream is there. */
export async function approveDefinition(
  path: string,
  id: string,
  { name, hash }: { readonly name: string; readonly hash: string },
): Promise<boolean> {
  return await edit(path, (document, place) => {
    const at = place(id);
    if (at === undefined) return false;
    document.setIn(['upstreams', at, 'approved', name], hash);
    return true;
  });
}

type Edit = (document: Document, place: (id: string) => number | undefined) => boolean;

/** Changes the file and keeps its comments. What would come out is checked first. */
async function edit(path: string, change: Edit): Promise<boolean> {
  const before = (await readText(path)) ?? '';
  const upstreams = parseUpstreams(path, before);
  const document = parseDocument(before);
  if (!document.has('upstreams')) document.set('upstreams', document.createNode([]));
  const place = (id: string) => {
    const at = upstreams.findIndex((upstream) => idOf(upstream) === id);
    return at < 0 ? undefined : at;
  };
  const result = change(document as unknown as Document, place);
  const after = document.toString();
  parseUpstreams(path, after);
  await replaceFile(path, after);
  return result;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > fileMaxBytes) {
      const reason = `names ${path}, which is larger than ${fileMaxBytes} bytes`;
      throw new SettingsError(upstreamsVariable, reason, 'shorten it');
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (error instanceof SettingsError) throw error;
    const reason = `names ${path}, which cannot be read (${code})`;
    throw new SettingsError(upstreamsVariable, reason, 'mend its mode and its owner');
  }
}
