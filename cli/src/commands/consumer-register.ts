import { Code, type Weir, WeirCallError } from '@weir/sdk';
import {
  RegisterConsumerResponseSchema,
  UpdateConsumerResponseSchema,
} from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { identify } from '../documents.ts';
import { examples } from '../examples.ts';
import { protoJson } from '../present.ts';
import { sendDocuments } from '../register.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly update?: boolean;
}

/** Adds `weir consumer register`. */
export function addConsumerRegister(parent: Command, shell: Shell): void {
  parent
    .command('register')
    .summary('registers consumers from manifests')
    .description(
      'Registers consumers from manifests in YAML or JSON. The same content again changes nothing;\n' +
        'other content under the same name is refused unless --update is given.',
    )
    .argument('<file...>', 'manifests; - is standard input')
    .option('--update', 'replace a consumer that is registered already')
    .addHelpText(
      'after',
      examples(
        ['weir consumer register copilot.yaml', 'one consumer'],
        ['weir consumer register --update copilot.yaml', 'replace what is registered'],
      ),
    )
    .action((_files: string[], _options: Options, command: Command) =>
      sendDocuments<Options>(shell, command, {
        conflictMend: 'Replace it with --update.',
        async send(document, { weir, options, signal }) {
          const source = { case: 'document', value: document.text } as const;
          const name = options.update ? identify(document)?.name : undefined;
          const etag = name && (await etagOf(weir, name, signal));
          if (!etag) {
            const answer = await weir.registry.registerConsumer({ source }, { signal });
            const json = protoJson(RegisterConsumerResponseSchema, answer);
            return { text: `registered ${answer.consumer?.manifest?.name}`, json };
          }
          const answer = await weir.registry.updateConsumer({ source, etag }, { signal });
          const json = protoJson(UpdateConsumerResponseSchema, answer);
          return { text: `updated ${answer.consumer?.manifest?.name}`, json };
        },
      }),
    );
}

// A consumer that is not registered yet is registered.
async function etagOf(weir: Weir, name: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { consumer } = await weir.registry.getConsumer({ name }, { signal });
    return consumer?.etag;
  } catch (error) {
    const absent = [Code.NotFound, Code.InvalidArgument];
    if (error instanceof WeirCallError && absent.includes(error.code)) return undefined;
    throw error;
  }
}
