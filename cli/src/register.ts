import { Code, Reason, WeirCallError } from '@weir/sdk';
import type { Command } from 'commander';
import { type Call, openCall } from './call.ts';
import { type Document, documentFailure, readDocument } from './documents.ts';
import { Failure } from './failure.ts';
import { jsonText } from './present.ts';
import type { Shell } from './shell.ts';

/** What became of a document that was sent. */
export interface Sent {
  /** What was done, such as `registered docs@1.0.0`. */
  readonly text: string;
  /** The answer for programs. */
  readonly json: unknown;
}

/** How documents are sent. */
export interface Sending<Options> {
  send(document: Document, call: Call<Options>): Promise<Sent>;
  /** What to do when something else is registered under the same name. */
  readonly conflictMend?: string;
}

/** Sends documents to the registry, one after the other, and shows what became of each. */
export async function sendDocuments<Options>(
  shell: Shell,
  command: Command,
  { send, conflictMend = '' }: Sending<Options>,
): Promise<void> {
  const documents = [];
  // All are read before the first is sent, so that a misspelt file changes nothing.
  for (const file of command.args) documents.push(await readDocument(shell, file));
  const call = await openCall<Options>(shell, command);
  const { json } = call.options;
  const results: unknown[] = [];
  try {
    for (const document of documents) {
      const sent = await send(document, call).catch((error) => {
        throw explain(error, document, conflictMend);
      });
      results.push(sent.json);
      if (!json) shell.terminal.out(`${sent.text}\n`);
    }
  } finally {
    if (json) shell.terminal.out(jsonText({ results }));
  }
}

// What says no more than that the way to Weir is broken has no reason, and passes as it is.
function explain(error: unknown, document: Document, conflictMend: string): unknown {
  if (!(error instanceof WeirCallError) || error.reason === Reason.UNSPECIFIED) return error;
  const failure = documentFailure(document, error);
  if (error.code !== Code.AlreadyExists) return failure;
  const { exitCode, message, faults, reason } = failure;
  return new Failure(exitCode, message, { faults, reason, mend: conflictMend, cause: error });
}
