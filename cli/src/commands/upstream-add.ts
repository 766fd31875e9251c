import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { parseNamed } from '../options.ts';
import { jsonText } from '../present.ts';
import type { Shell } from '../shell.ts';
import { findUpstreamsFile, loadUpstreams, upstreamId, withFile, wordsOf } from '../upstreams.ts';

interface Options {
  readonly stdio?: string;
  readonly http?: string;
  readonly bearer?: string;
  readonly oauth?: Record<string, string> | true;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly time?: string;
  readonly tenant?: string;
}

/** Adds `weir upstream add`. */
export function addUpstreamAdd(parent: Command, shell: Shell): void {
  parent
    .command('add')
    .summary('makes a provider of an MCP server')
    .description(
      'Writes an MCP server into the file of upstreams on this machine. A running Weir connects to\n' +
        'it at once, and offers its tools, prompts and resources. One of the name is replaced.',
    )
    .argument('<name>', 'the name of the provider')
    .option('--stdio <command>', 'the command that starts the server on this machine')
    .option('--http <url>', 'the address of the server, over Streamable HTTP')
    .option('--bearer <reference>', 'the token for the address, such as secret://crm-token')
    .option(
      '--oauth [name=value]',
      'tokens by OAuth: each user signs in; grant, shared, issuer, client, secret, key, method,\n' +
        'algorithm, metadata and scope may be given; may be repeated',
      parseOAuth,
    )
    .option('--env <name=value>', 'a variable for the command; may be repeated', parseNamed)
    .option('--cwd <folder>', 'where the command runs (default: here)')
    .option('--time <time>', 'the time for one call (default: 30s)')
    .option('--tenant <name>', 'the tenant whose provider it is')
    .addHelpText(
      'after',
      examples(
        [
          "weir upstream add filesystem --stdio 'npx -y @modelcontextprotocol/server-filesystem ./docs'",
          'a process of this machine',
        ],
        [
          'weir upstream add crm --http https://mcp.example.org/mcp --bearer secret://crm-token',
          'with a token from the file of secrets',
        ],
        [
          'weir upstream add crm --http https://mcp.example.org/mcp --oauth',
          'where each user signs in; `weir upstream sign-in crm` begins with you',
        ],
      ),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const file = await findUpstreamsFile(shell);
      const entry = {
        name,
        ...(options.tenant && { tenant: options.tenant }),
        ...transportOf(options, shell.cwd),
        ...(options.time && { timeout: options.time }),
      };
      const replaced = await withFile(async () => (await loadUpstreams()).putUpstream(file, entry));
      const id = upstreamId(name, options);
      const said = `${replaced ? 'replaced' : 'added'} upstream ${id} in ${file}\n`;
      shell.terminal.out(options.json ? jsonText({ upstream: id, file, replaced }) : said);
    });
}

function transportOf({ stdio, http, bearer, oauth, env, cwd }: Options, here: string): object {
  if ((stdio === undefined) === (http === undefined)) {
    throw usageFailure('Give --stdio or --http, one of them.');
  }
  if (http !== undefined) {
    if (env || cwd) throw usageFailure('--env and --cwd are for --stdio only.');
    const given = oauth === true ? {} : oauth;
    return {
      http: { url: http, ...(bearer && { bearer }), ...(given && { oauth: settingsOf(given) }) },
    };
  }
  if (oauth) throw usageFailure('--oauth is for --http only.');
  if (bearer) throw usageFailure('--bearer is for --http only.', 'Give the token with --env.');
  const [command = '', ...args] = wordsOf(stdio ?? '');
  if (command === '') throw usageFailure('The command of --stdio is empty.');
  // What stands in the command is meant as seen from here, wherever Weir runs.
  return { stdio: { command, args, cwd: resolve(here, cwd ?? '.'), ...(env && { env }) } };
}

/** The option alone says that each user signs in; with names it says more. */
function parseOAuth(text: string, before: Options['oauth']): Record<string, string> {
  return parseNamed(text, before === true ? undefined : before);
}

const words: Readonly<Record<string, boolean>> = { true: true, false: false };

function settingsOf({ shared, ...others }: Readonly<Record<string, string>>): object {
  return { ...others, ...(shared !== undefined && { shared: words[shared] ?? shared }) };
}
