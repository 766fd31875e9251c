import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { RotateGroupKeyResponseSchema } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseTimeMs } from '../options.ts';
import { present } from '../present.ts';
import { renderNewKey } from '../render/keys.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly overlap?: number;
  readonly tenant?: string;
}

/** Adds `weir group rotate-key`. */
export function addGroupRotateKey(parent: Command, shell: Shell): void {
  parent
    .command('rotate-key')
    .summary('makes a new key of a tool group, and shows it, this once')
    .description('Makes a new key of a tool group. Those of before stop working.')
    .argument('<name>', 'its name')
    .option('--overlap <time>', 'how long they go on working, up to 30d', parseTimeMs)
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText(
      'after',
      examples(['weir group rotate-key support --overlap 1h', 'with an hour to change over']),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { overlap, tenant = '' } = options;
      const request = {
        ...{ name, tenant },
        ...(overlap !== undefined && { overlap: durationFromMs(overlap) }),
      };
      const answer = await weir.groups.rotateGroupKey(request, { signal });
      present(shell.terminal, options.json, {
        schema: RotateGroupKeyResponseSchema,
        message: answer,
        render: (screen) => renderNewKey(answer.secret, answer.key, screen),
      });
    });
}
