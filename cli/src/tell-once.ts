import type { WeirCallError } from '@weir/sdk';
import { fromCall } from './failure.ts';
import type { Shell } from './shell.ts';

/** Tells of breaks; once, of those that follow each other for the same reason. */
export function tellOnce({ terminal }: Pick<Shell, 'terminal'>): (error: WeirCallError) => void {
  let before = '';
  return (error) => {
    const { message } = fromCall(error);
    if (message !== before) terminal.err(`weir: ${message}; trying again\n`);
    before = message;
  };
}
