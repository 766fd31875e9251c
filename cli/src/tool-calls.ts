import {
  type CallToolResponse,
  CallToolResponseSchema,
  type ToolResult,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { Command } from 'commander';
import { readDocument } from './documents.ts';
import { exitCodes } from './exit-codes.ts';
import { usageFailure } from './failure.ts';
import { parseNamed } from './options.ts';
import { present } from './present.ts';
import { safeText } from './render/text.ts';
import type { Shell } from './shell.ts';

/** Arguments of a tool, in one of two ways. */
export interface GivenArguments {
  readonly arguments?: string;
  readonly arg?: Readonly<Record<string, string>>;
}

const ARGUMENTS_MAX_BYTES = 1024 * 1024;

/** Adds the options that give arguments. */
export function withArguments(command: Command): Command {
  return command
    .option('--arg <name=value>', 'an argument: JSON, or else a text (repeatable)', parseNamed)
    .option('--arguments <json>', 'all arguments; @FILE is a file, - is standard input');
}

/** Shows a message of a call: a result on standard output, all else on standard error. */
export function showMessage(
  shell: Shell,
  response: CallToolResponse,
  json: boolean | undefined,
): void {
  told(shell, response);
  const { message } = response;
  if (message.case !== 'result') return;
  present(shell.terminal, json, {
    schema: CallToolResponseSchema,
    message: response,
    render: () => textOf(message.value),
  });
  if (message.value.isError) shell.finish(exitCodes.refused);
}

/** What is told of a call before its end. */
function told({ terminal }: Shell, { message }: CallToolResponse): void {
  const decoder = new TextDecoder();
  switch (message.case) {
    case 'progress': {
      const { progress, total, text } = message.value;
      const of = total === undefined ? '' : ` of ${total}`;
      terminal.err(`${safeText(`${progress}${of} ${text}`.trim())}\n`);
      break;
    }
    case 'log':
      terminal.err(`${safeText(decoder.decode(message.value.data))}\n`);
      break;
    case 'inputRequired':
      throw usageFailure(
        'The tool asks its caller something, and this command cannot answer.',
        'Call it with a client that can, such as one of the Model Context Protocol.',
      );
    default:
  }
}

/** The texts of a result made of pieces; else the value. */
function textOf({ payload, contentType }: ToolResult): string {
  const text = new TextDecoder().decode(payload);
  if (!contentType.startsWith('application/vnd.weir.')) return `${safeText(text)}\n`;
  const { content = [] } = JSON.parse(text) as { content?: { type: string; text?: string }[] };
  const pieces = content.map((piece) => piece.text ?? `[${piece.type}]`);
  return pieces.length > 0 ? `${safeText(pieces.join('\n'))}\n` : `${safeText(text)}\n`;
}

/** The arguments as JSON. */
export async function readArguments(shell: Shell, options: GivenArguments): Promise<Uint8Array> {
  const { arg, arguments: given } = options;
  if (arg && given !== undefined) {
    throw usageFailure('Arguments are given in two ways.', 'Give --arg, or --arguments.');
  }
  if (given === undefined) return encode(JSON.stringify(valuesOf(arg ?? {})));
  const file = given.startsWith('@') ? given.slice(1) : given === '-' ? given : undefined;
  if (file === undefined) return encode(given);
  return encode((await readDocument(shell, file, ARGUMENTS_MAX_BYTES)).text);
}

const encode = (text: string) => new TextEncoder().encode(text);

/** What is JSON is meant as such; all else is a text. */
function valuesOf(named: Readonly<Record<string, string>>): Record<string, unknown> {
  const read = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(Object.entries(named).map(([name, text]) => [name, read(text)]));
}
