import { Reason, type Violation, WeirCallError } from '@weir/sdk';
import { type Document, faultsFailure, placeFault, readDocument } from '../documents.ts';
import type { Shell } from '../shell.ts';

/** The greatest policy that the registry takes. */
const POLICY_MAX_BYTES = 512 * 1024;

/** Reads policies; `-` is standard input. */
export async function readPolicies(
  shell: Shell,
  files: readonly string[],
): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for (const file of files) documents.push(await readDocument(shell, file, POLICY_MAX_BYTES));
  return documents;
}

/** A policy as requests carry it. */
export function sourceOf({ text }: Document) {
  return { source: { case: 'document', value: text } } as const;
}

/** Makes a call that carries policies; what it finds faulty is told with file, line and column. */
export async function withPolicies<T>(
  documents: readonly Document[],
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const faulty = error instanceof WeirCallError && error.reason === Reason.INVALID_POLICY;
    if (!faulty) throw error;
    const faults = error.violations.map((violation) => placed(documents, violation));
    const what = documents.map(({ file }) => file).join(', ');
    throw faultsFailure(what, faults, error);
  }
}

// Of several policies the registry says which: `policies[1] 12:5 rules[0].effect`.
function placed(documents: readonly Document[], { field, description }: Violation): string {
  const [, at = '0', place = field] = /^policies\[(\d+)\] (.*)$/s.exec(field) ?? [];
  return placeFault(documents[Number(at)]?.file ?? '', { field: place, description });
}
