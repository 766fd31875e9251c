import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { Logger } from '@weir/kit';
import type { HeldDefinition } from './review.ts';
import type { Era } from './session.ts';

/** What the connector remembers of an upstream, and tells the operator of it. */
export interface UpstreamState {
  /** How it is. */
  readonly status: 'connecting' | 'live' | 'waiting' | 'off';
  /** What keeps it from being live. */
  readonly error?: string | undefined;
  /** Where the operator signs in for its catalogue; undefined: that is not what it waits for. */
  readonly signIn?: string | undefined;
  /** What the server calls itself. */
  readonly server?: string | undefined;
  /** The era that it spoke, and when that was found (RFC 3339). */
  readonly era?: Era | undefined;
  readonly eraTime?: string | undefined;
  /** The definitions that are offered: hashes by name. */
  readonly pins: Readonly<Record<string, string>>;
  /** How many tools and prompts are offered. */
  readonly offered: number;
  /** The definitions that are kept back. */
  readonly held: readonly HeldDefinition[];
}

/** The connector's memory: a file beside the operator's, which only the connector writes. */
export interface StateFile extends AsyncDisposable {
  readonly ids: readonly string[];
  get(id: string): UpstreamState;
  put(id: string, change: Partial<UpstreamState>): void;
  drop(id: string): void;
  /** Resolves when what was put so far has been written. */
  saved(): Promise<void>;
}

const nothing: UpstreamState = { status: 'off', pins: {}, offered: 0, held: [] };
const writeAfterMs = 50;

/** Where the connector's memory lies. */
export function stateFileOf(upstreamsFile: string): string {
  return `${upstreamsFile.replace(/\.ya?ml$/, '')}.state.json`;
}

/** Reads what the connector remembered; undefined when it never ran. Throws when it is damaged. */
export function readStates(path: string): Record<string, UpstreamState> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const states: unknown = JSON.parse(text);
  if (typeof states === 'object' && states !== null) return states as Record<string, UpstreamState>;
  throw new TypeError(`${path} holds no object`);
}

/**
 * Opens the memory. A damaged one stops the connector: without its pins, every changed definition
 * would be taken for a new one.
 */
export function openStateFile(path: string, log: Logger): StateFile {
  const states = new Map(Object.entries(readStates(path) ?? {}));
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function write(): void {
    timer = undefined;
    const text = `${JSON.stringify(Object.fromEntries(states), undefined, 2)}\n`;
    writing = writing
      .then(() => replaceFile(path, text))
      .catch((error: unknown) => {
        log.error({ error }, `the memory of the connector cannot be written to ${path}`);
      });
  }

  function saved(): Promise<void> {
    if (timer) {
      clearTimeout(timer);
      write();
    }
    return writing;
  }

  return {
    get ids() {
      return [...states.keys()];
    },
    get: (id) => states.get(id) ?? nothing,
    put(id, change) {
      states.set(id, { ...(states.get(id) ?? nothing), ...change });
      timer ??= setTimeout(write, writeAfterMs);
    },
    drop(id) {
      if (states.delete(id)) timer ??= setTimeout(write, writeAfterMs);
    },
    saved,
    [Symbol.asyncDispose]: saved,
  };
}

/** Writes a file whole or not at all, for its owner only. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.${process.pid}.new`;
  await writeFile(next, text, { mode: 0o600 });
  await rename(next, path);
}
