import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
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

/** Adds `weir upstream remove`. */
export function addUpstreamRemove(parent: Command, shell: Shell): void {
  parent
    .command('remove')
    .summary('ends it, and takes its provider out of the catalogue')
    .argument('<name>', 'its name')
    .option('--tenant <name>', 'its tenant')
    .addHelpText('after', examples(['weir upstream remove crm', 'at once']))
    .action(async (name: string, _options: Options, command: Command) => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const file = await findUpstreamsFile(shell);
      const id = upstreamId(name, options);
      const { removeUpstream } = await loadUpstreams();
      const removed = await withFile(() => removeUpstream(file, id));
      if (!removed) throw noUpstream(id, file);
      const said = `removed upstream ${id} from ${file}\n`;
      shell.terminal.out(options.json ? jsonText({ upstream: id, file }) : said);
    });
}
