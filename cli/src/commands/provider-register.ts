import { Code, type Weir, WeirCallError } from '@weir/sdk';
import {
  RegisterProviderResponseSchema,
  UpdateProviderResponseSchema,
} from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Provider } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Command } from 'commander';
import { identify } from '../documents.ts';
import { examples } from '../examples.ts';
import { protoJson } from '../present.ts';
import { sendDocuments } from '../register.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly update?: boolean;
}

/** Adds `weir provider register`. */
export function addProviderRegister(parent: Command, shell: Shell): void {
  parent
    .command('register')
    .summary('registers providers from manifests')
    .description(
      'Registers providers from manifests in YAML or JSON. The same content again changes nothing;\n' +
        'other content under the same name and version is refused unless --update is given.',
    )
    .argument('<file...>', 'manifests; - is standard input')
    .option('--update', 'replace a version that is registered already')
    .addHelpText(
      'after',
      examples(
        ['weir provider register docs.yaml', 'one provider'],
        ['weir provider register providers/*.yaml', 'several'],
        ['weir provider register --update docs.yaml', 'replace what is registered'],
        ['generate-manifest | weir provider register -', 'from standard input'],
      ),
    )
    .action((_files: string[], _options: Options, command: Command) =>
      sendDocuments<Options>(shell, command, {
        conflictMend: 'Replace it with --update.',
        async send(document, { weir, options, signal }) {
          const source = { case: 'document', value: document.text } as const;
          const etag = options.update ? await etagOf(weir, identify(document), signal) : undefined;
          if (etag === undefined) {
            const answer = await weir.registry.registerProvider({ source }, { signal });
            const json = protoJson(RegisterProviderResponseSchema, answer);
            return { text: `registered ${nameOf(answer.provider)}`, json };
          }
          const answer = await weir.registry.updateProvider({ source, etag }, { signal });
          const json = protoJson(UpdateProviderResponseSchema, answer);
          return { text: `updated ${nameOf(answer.provider)}`, json };
        },
      }),
    );
}

// A manifest that cannot be read, or is not registered yet, is registered: the registry answers
// with its faults.
async function etagOf(
  weir: Weir,
  identity: { name: string; version: string } | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (identity === undefined || identity.version === '') return undefined;
  try {
    const { provider } = await weir.registry.getProvider(identity, { signal });
    return provider?.etag;
  } catch (error) {
    const absent = [Code.NotFound, Code.InvalidArgument];
    if (error instanceof WeirCallError && absent.includes(error.code)) return undefined;
    throw error;
  }
}

function nameOf(provider: Provider | undefined): string {
  return `${provider?.manifest?.name}@${provider?.manifest?.version}`;
}
