import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import type { GlobalOptions } from './call.ts';
import { DEFAULT_URL } from './credentials.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failureJson, renderFailure, toFailure } from './failure.ts';
import { buildProgram } from './program.ts';
import type { Surroundings } from './shell.ts';

/** Runs one command line; says the exit code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const program = buildProgram({
    ...surroundings,
    finish: (finished) => {
      code = finished;
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    return fail(error, program.opts<GlobalOptions>(), surroundings);
  }
}

function fail(error: unknown, options: GlobalOptions, surroundings: Surroundings): ExitCode {
  if (surroundings.signal.aborted) {
    surroundings.terminal.err('weir: interrupted\n');
    return exitCodes.interrupted;
  }
  const failure = toFailure(error, options.url ?? (surroundings.env.WEIR_URL || DEFAULT_URL));
  surroundings.terminal.err(options.json ? failureJson(failure) : renderFailure(failure));
  if (options.debug) surroundings.terminal.err(`${inspect(failure, { depth: 6 })}\n`);
  return failure.exitCode;
}
