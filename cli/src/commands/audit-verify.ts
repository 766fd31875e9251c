import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readKnownChains, type Verification, verifyJournal } from '@weir/journal';
import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usageFailure } from '../failure.ts';
import { jsonText } from '../present.ts';
import { renderVerification } from '../render/verification.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly chains?: string;
  readonly pruned?: boolean;
}

/** Heads younger than this, when the file was written, may tell of entries still on their way. */
const UNSHIPPED_MS = 60_000;

const OPENING_BRACE = 0x7b;
/** Field 1 of a part: a file of chains begins with the length of one, which may be 123, and this. */
const CHAIN_TAG = 0x0a;

/** Adds `weir audit verify`. */
export function addAuditVerify(parent: Command, shell: Shell): void {
  parent
    .command('verify')
    .summary('proves that records are whole, without asking anybody')
    .description(
      'Verifies what `weir audit chains` wrote, or the journal of a router: every entry, every body\n' +
        'that is there, every signed head, and how chains hang together. Names the first bad entry of\n' +
        'each chain. Asks no server.',
    )
    .argument('<path>', 'a file of `weir audit chains`, or the directory of a journal')
    .option('--chains <file>', 'verify a directory against heads that the registry was told')
    .option('--pruned', 'entries and chains may be missing at the beginning')
    .addHelpText(
      'after',
      examples(
        ['weir audit verify chains.bin', 'what the registry holds'],
        ['weir audit verify .weir/journal --chains heads.bin', 'the journal of a router'],
      ),
    )
    .action((path: string, _options: Options, command: Command) => runVerify(shell, path, command));
}

async function runVerify(shell: Shell, path: string, command: Command): Promise<void> {
  const { chains, pruned = false, json } = command.optsWithGlobals<Options & GlobalOptions>();
  const verification = await verify(shell, path, { chains, pruned });
  const text = json
    ? jsonText(verificationJson(verification))
    : renderVerification(verification, shell.terminal);
  shell.terminal.out(text);
  if (!verification.ok) shell.finish(exitCodes.refused);
}

async function verify(
  { cwd }: Shell,
  path: string,
  { chains, pruned }: { chains: string | undefined; pruned: boolean },
): Promise<Verification> {
  const from = resolve(cwd, path);
  try {
    const facts = await stat(from);
    if (facts.isDirectory()) {
      const known = chains === undefined ? {} : await readKnownChains(resolve(cwd, chains));
      return await verifyJournal({ directory: from }, { ...known, pruned });
    }
    await requireChains(from, path);
    const unshippedFromMs = facts.mtimeMs - UNSHIPPED_MS;
    return await verifyJournal({ file: from }, { unshippedFromMs, pruned });
  } catch (error) {
    throw error instanceof Failure ? error : unreadable(path, error);
  }
}

/** An export of records holds what a search finds, and not what proves it. */
async function requireChains(file: string, shown: string): Promise<void> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  const isJson = buffer[0] === OPENING_BRACE && buffer[1] !== CHAIN_TAG;
  if (bytesRead > 0 && !isJson) return;
  throw usageFailure(
    `${shown} holds no chains.`,
    'Verify what `weir audit chains -o FILE` wrote, or the directory of a journal.',
  );
}

function unreadable(path: string, error: unknown): Failure {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const why = missing ? 'does not exist' : 'cannot be read';
  return new Failure(exitCodes.usage, `${path} ${why}.`, {
    mend: missing ? '' : error instanceof Error ? error.message : String(error),
    cause: error,
  });
}

function verificationJson({ ok, faults, chains }: Verification) {
  return {
    ok,
    faults: faults.map(({ place, ...fault }) => ({ ...fault, ...(place && { place }) })),
    chains: chains.map(({ chain, head, ...rest }) => ({
      ...rest,
      writer: chain?.writer ?? '',
      head: Buffer.from(head).toString('hex'),
    })),
  };
}
