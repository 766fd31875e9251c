import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Violation, WeirCallError } from '@weir/sdk';
import { parseDocument } from 'yaml';
import { exitCodes } from './exit-codes.ts';
import { Failure, fromCall, usageFailure } from './failure.ts';
import { count, oneLine } from './render/text.ts';
import type { Shell } from './shell.ts';

/** The greatest document that the registry takes, of most kinds. */
const DOCUMENT_MAX_BYTES = 256 * 1024;

/** A manifest as it was written, in YAML or JSON. */
export interface Document {
  /** Its file, for people. */
  readonly file: string;
  readonly text: string;
}

/** Reads a document; `-` is standard input. */
export async function readDocument(
  shell: Shell,
  file: string,
  maxBytes = DOCUMENT_MAX_BYTES,
): Promise<Document> {
  if (file !== '-') return { file, text: await readText(shell, file, maxBytes) };
  const text = await shell.stdin(maxBytes);
  if (Buffer.byteLength(text) > maxBytes) throw tooLarge('<stdin>', maxBytes);
  return { file: '<stdin>', text };
}

/** The name and version that a manifest states; undefined when it cannot be read that far. */
export function identify({ text }: Document): { name: string; version: string } | undefined {
  const document = parseDocument(text, { version: '1.2', schema: 'core' });
  if (document.errors.length > 0) return undefined;
  const [name, version] = [document.getIn(['name']), document.getIn(['version'])];
  if (typeof name !== 'string') return undefined;
  return { name, version: typeof version === 'string' ? version : '' };
}

/** What a call that sent a document failed with, with the places in the document. */
export function documentFailure({ file }: Document, error: WeirCallError): Failure {
  const faults = error.violations.map((violation) => placeFault(file, violation));
  return faultsFailure(file, faults, error);
}

/** The failure of a call that found faults in what is named; that of the call where it found none. */
export function faultsFailure(
  what: string,
  faults: readonly string[],
  error: WeirCallError,
): Failure {
  const refused = fromCall(error);
  const { exitCode, mend, reason } = refused;
  if (faults.length === 0) return refused;
  const message = `${what} has ${count(faults.length, 'fault')}:`;
  return new Failure(exitCode, message, { faults, mend, reason, cause: error });
}

/** A fault with its file. The registry writes the place as `12:5 contexts[0].ttl`. */
export function placeFault(file: string, { field, description }: Violation): string {
  const colon = /^\d+:\d+/.test(field) ? ':' : ' ';
  return oneLine(`${file}${colon}${field}: ${description}`);
}

async function readText({ cwd }: Shell, shown: string, maxBytes: number): Promise<string> {
  const path = resolve(cwd, shown);
  try {
    if ((await stat(path)).size > maxBytes) throw tooLarge(shown, maxBytes);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const message = `The file ${shown} ${missing ? 'does not exist' : 'cannot be read'}.`;
    throw new Failure(exitCodes.usage, message, { cause: error });
  }
}

function tooLarge(file: string, maxBytes: number): Failure {
  const size = `${maxBytes / 1024} KiB`;
  return usageFailure(`${file} is larger than ${size}.`, 'Cut it into several manifests.');
}
