import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { jsonText } from '../present.ts';
import type { Shell } from '../shell.ts';
import {
  findUpstreamsFile,
  loadUpstreams,
  noUpstream,
  upstreamId,
  withFile,
} from '../upstreams.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir upstream approve`. */
export function addUpstreamApprove(parent: Command, shell: Shell): void {
  parent
    .command('approve')
    .summary('offers a tool or prompt that was kept back')
    .description(
      'Approves the definition that `weir upstream get` shows, and that alone: should it change\n' +
        'once more, it waits once more.',
    )
    .argument('<name>', 'the upstream')
    .argument('<tool>', 'the tool or prompt')
    .option('--tenant <name>', "the upstream's tenant")
    .addHelpText('after', examples(['weir upstream approve crm find_customer', 'after reading it']))
    .action(async (name: string, tool: string, _options: Options, command: Command) => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const file = await findUpstreamsFile(shell);
      const id = upstreamId(name, options);
      const { approveDefinition, readStates, stateFileOf } = await loadUpstreams();
      const held = readStates(stateFileOf(file))?.[id]?.held.find((each) => each.name === tool);
      if (!held) {
        throw new Failure(
          exitCodes.refused,
          `Nothing called ${tool} of ${id} waits for approval.`,
          {
            mend: `\`weir upstream get ${name}\` shows what does.`,
          },
        );
      }
      const { hash } = held;
      const isThere = await withFile(() => approveDefinition(file, id, { name: tool, hash }));
      if (!isThere) throw noUpstream(id, file);
      const said = `approved ${tool} of ${id}: ${hash}\n`;
      shell.terminal.out(options.json ? jsonText({ upstream: id, tool, hash }) : said);
    });
}
