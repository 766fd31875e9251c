import { toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { writeOut } from '../audit/write.ts';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly output?: string;
}

/** Adds `weir asyncapi`. */
export function addAsyncApi(program: Command, shell: Shell): void {
  program
    .command('asyncapi')
    .summary('describes the topics that there are')
    .description(
      'Writes an AsyncAPI 3 document of the topics that you may subscribe to: those that providers\n' +
        'declare, and those on which events were published lately.',
    )
    .option('-o, --output <file>', 'the file (default: standard output)')
    .addHelpText(
      'after',
      examples(
        ['weir asyncapi -o events.json', 'for tools that read AsyncAPI'],
        ["weir asyncapi | jq -r '.channels | keys[]'", 'the topics, one on each line'],
      ),
    )
    .action(async (_options: Options, invoked: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, invoked);
      const document = toJson(StructSchema, await weir.events.getAsyncApi({}, { signal }));
      const text = `${JSON.stringify(document, null, 2)}\n`;
      await writeOut(shell, options.output, inOnePiece(Buffer.from(text)));
    });
}

async function* inOnePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
