import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import {
  createLogger,
  createOutboundFetch,
  createOutboundGuard,
  type OutboundFetch,
} from '@weir/kit';
import { documentError } from './document-error.ts';

/** Where a text lies: an address, or a path of a file. */
export type Place = URL | string;

/** Gets texts, within bounds. */
export interface Loader {
  /** The document itself. */
  readonly root: Place;
  /** Where a reference of the text at `from` leads. Throws DocumentError. */
  resolve(from: Place, reference: string): Place;
  /** Throws DocumentError. */
  load(place: Place): Promise<string>;
}

/** How texts are got. */
export interface LoaderOptions {
  /** The document: a URL with http or https, or the path of a file. */
  readonly location: string;
  /** What may be called besides public addresses; see WEIR_OUTBOUND_ALLOW. */
  readonly outboundAllow: readonly string[];
  readonly signal: AbortSignal;
}

/** The largest text read, in bytes. */
export const textMaxBytes = 32 * 1024 * 1024;
/** The time for one text from an address, in milliseconds. */
const loadTimeoutMs = 30_000;

/** Creates the loader of a document: files only from its folder and below, addresses through the guard. */
export async function createLoader(options: LoaderOptions): Promise<Loader> {
  const { location, outboundAllow, signal } = options;
  // What is refused is told by the error.
  const log = createLogger({ level: 'silent', name: 'generator' });
  const fetch = createOutboundFetch(createOutboundGuard({ allow: outboundAllow, log }));
  const isAddress = /^https?:\/\//i.test(location);
  const root = isAddress ? readAddress(location) : await realpathOf(location);
  return {
    root,
    resolve: (from, reference) => resolvePlace(from, reference),
    async load(place) {
      if (place instanceof URL) return loadAddress(fetch, place, signal);
      if (typeof root !== 'string')
        throw documentError(place, 'is a file, and the document is not');
      return loadFile(place, dirname(root));
    },
  };
}

/** How a place is called towards people. */
export function placeName(place: Place): string {
  return place instanceof URL ? place.href : place;
}

function readAddress(location: string): URL {
  const url = URL.parse(location);
  if (url && url.username === '' && url.password === '') return url;
  throw documentError(location, 'is no URL that can be read; give it without user and password');
}

function resolvePlace(from: Place, reference: string): Place {
  if (/^https?:/i.test(reference)) return readAddress(reference);
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference)) {
    throw documentError(placeName(from), `refers to ${reference}, which is no file and no URL`);
  }
  return from instanceof URL ? new URL(reference, from) : resolve(dirname(from), reference);
}

async function realpathOf(path: string): Promise<string> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    throw documentError(path, `cannot be read (${error.code}); name a file that is there`);
  });
}

async function loadFile(path: string, folder: string): Promise<string> {
  const real = await realpathOf(path);
  if (!real.startsWith(folder + sep)) {
    throw documentError(path, `lies outside of ${folder}; move it below the document`);
  }
  const { size } = await stat(real);
  if (size > textMaxBytes) throw documentError(path, tooLarge);
  return readFile(real, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw documentError(path, `cannot be read (${error.code}); name a file`);
  });
}

const tooLarge = `is larger than ${textMaxBytes} bytes; split it`;

async function loadAddress(fetch: OutboundFetch, url: URL, signal: AbortSignal): Promise<string> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(loadTimeoutMs)]);
  const answer = await fetch(url, { signal: bounded, maxBytes: textMaxBytes }).catch((error) => {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    const mend = 'give another address, or save the document as a file';
    throw documentError(url.href, `cannot be fetched (${reason}); ${mend}`);
  });
  if (answer.status !== 200) {
    throw documentError(url.href, `answers with status ${answer.status}; name the document itself`);
  }
  return Buffer.from(answer.body).toString('utf8');
}
