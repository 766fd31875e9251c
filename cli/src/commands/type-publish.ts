import { PublishTypeResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { protoJson } from '../present.ts';
import { sendDocuments } from '../register.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir type publish`. */
export function addTypePublish(parent: Command, shell: Shell): void {
  parent
    .command('publish')
    .summary('publishes versions of context types')
    .description(
      'Publishes versions of context types from manifests in YAML or JSON. A version that breaks\n' +
        "the type's compatibility is refused, with every break named.",
    )
    .argument('<file...>', 'manifests; - is standard input')
    .addHelpText('after', examples(['weir type publish ticket.yaml', 'one version of a type']))
    .action((_files: string[], _options: unknown, command: Command) =>
      sendDocuments(shell, command, {
        async send({ text }, { weir, signal }) {
          const source = { case: 'document', value: text } as const;
          const answer = await weir.registry.publishType({ source }, { signal });
          const { name, version } = answer.type?.manifest ?? {};
          const json = protoJson(PublishTypeResponseSchema, answer);
          return { text: `published ${name}@${version}`, json };
        },
      }),
    );
}
