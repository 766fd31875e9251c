import { create } from '@bufbuild/protobuf';
import { PublishResponseSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { readDocument } from '../documents.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { parseNamed } from '../options.ts';
import { present } from '../present.ts';
import { readRefs } from '../refs.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly key?: string;
  readonly data?: string;
  readonly contentType: string;
  readonly ref?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly id?: string;
}

/** What is read of data; Weir takes a quarter of it, and says so. */
const DATA_MAX_BYTES = 1024 * 1024;
const JSON_TYPE = 'application/json';

/** Adds `weir publish`. */
export function addPublish(program: Command, shell: Shell): void {
  program
    .command('publish')
    .summary('tells who subscribes that something happened')
    .description(
      'Publishes an event: who subscribes to its topic is told, and Weir forgets what it holds of\n' +
        'the items that are not any more what they were. Writes the id of the event.',
    )
    .argument('<topic>', 'what kind of thing happened, such as page.updated')
    .option('--key <text>', 'what it happened to; events of one key keep their order')
    .option('--data <data>', 'more about it; @FILE is a file, - is standard input')
    .option('--content-type <type>', 'the media type of the data', JSON_TYPE)
    .option('--ref <ref>', 'an item that is not any more what it was (repeatable)', addText)
    .option('--label <name=value>', 'what describes it (repeatable)', parseNamed)
    .option('--id <text>', 'what you call it, for who is told of it twice')
    .addHelpText(
      'after',
      examples(
        ['weir publish build.done', 'that it happened, and no more'],
        ['weir publish page.updated --key home --ref PageDSL/home', 'an item is another now'],
        [`weir publish page.updated --key home --data '{"title":"Home"}'`, 'with data'],
        ['weir publish log.line --data @line.txt --content-type text/plain', 'from a file'],
      ),
    )
    .action((topic: string, _options: Options, command: Command) =>
      runPublish(shell, command, topic),
    );
}

async function runPublish(shell: Shell, command: Command, topic: string): Promise<void> {
  const { ref = [], key, contentType, label: labels, id, data: given } = command.opts<Options>();
  const refs = readRefs(ref);
  const data = await readData(shell, given, contentType);
  const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
  const event = { key, data, contentType, refs, labels, id };
  const { ids, consistencyToken } = await weir.publish(topic, event, { signal, timeoutMs });
  present(shell.terminal, options.json, {
    schema: PublishResponseSchema,
    message: create(PublishResponseSchema, { ids: [...ids], consistencyToken }),
    render: () => ids.map((each) => `${each}\n`).join(''),
  });
}

async function readData(
  shell: Shell,
  given: string | undefined,
  contentType: string,
): Promise<string | undefined> {
  if (given === undefined) return undefined;
  const file = given.startsWith('@') ? given.slice(1) : given === '-' ? given : undefined;
  const data = file === undefined ? given : (await readDocument(shell, file, DATA_MAX_BYTES)).text;
  if (contentType === JSON_TYPE && !isJson(data)) {
    throw usageFailure('The data is no JSON.', 'Name what it is, as in --content-type text/plain.');
  }
  return data;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
