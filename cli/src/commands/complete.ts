import type { Command } from 'commander';
import { openClient } from '../call.ts';
import { findCandidates } from '../completion/candidates.ts';
import { oneLine } from '../render/text.ts';
import type { Shell } from '../shell.ts';

/** A shell waits for this: better no names than late ones. */
const LOOK_UP_TIMEOUT_MS = 1_500;

/** Adds `weir __complete`, which the scripts of `weir completion` ask. */
export function addComplete(program: Command, shell: Shell): void {
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const candidates = await findCandidates(program, words, ({ values }) =>
        openClient(shell, {
          url: values.get('--url'),
          keyFile: values.get('--key-file'),
          timeout: LOOK_UP_TIMEOUT_MS,
        }),
      ).catch(() => []);
      if (candidates === 'files') return shell.terminal.out(':files\n');
      for (const { value, text } of candidates) {
        const shown = [value, text].map(oneLine).filter((part) => part !== '');
        shell.terminal.out(`${shown.join('\t')}\n`);
      }
    });
}
