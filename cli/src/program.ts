import { Command, Option } from 'commander';
import pkg from '../package.json' with { type: 'json' };
import { addComplete } from './commands/complete.ts';
import { addCompletion } from './commands/completion.ts';
import { addConsumerDeregister } from './commands/consumer-deregister.ts';
import { addConsumerGet } from './commands/consumer-get.ts';
import { addConsumerList } from './commands/consumer-list.ts';
import { addConsumerRegister } from './commands/consumer-register.ts';
import { addExplain } from './commands/explain.ts';
import { addFetch } from './commands/fetch.ts';
import { addHelp } from './commands/help.ts';
import { addKeyCreate } from './commands/key-create.ts';
import { addKeyList } from './commands/key-list.ts';
import { addKeyRevoke } from './commands/key-revoke.ts';
import { addList } from './commands/list.ts';
import { addProviderDeregister } from './commands/provider-deregister.ts';
import { addProviderGet } from './commands/provider-get.ts';
import { addProviderList } from './commands/provider-list.ts';
import { addProviderRegister } from './commands/provider-register.ts';
import { addStart } from './commands/start.ts';
import { addTenantCreate } from './commands/tenant-create.ts';
import { addTenantList } from './commands/tenant-list.ts';
import { addTypeGet } from './commands/type-get.ts';
import { addTypeList } from './commands/type-list.ts';
import { addTypePublish } from './commands/type-publish.ts';
import { addWhoami } from './commands/whoami.ts';
import { examples } from './examples.ts';
import { exitCodesHelp } from './exit-codes.ts';
import { parseTimeMs } from './options.ts';
import type { Shell } from './shell.ts';

const environmentHelp = `
Environment:
  WEIR_URL       the address of Weir (default: http://127.0.0.1:7070)
  WEIR_KEY       the key to call with; else the local Weir's own key file, .weir/admin.key here
                 or in a folder above
  WEIR_DATA_DIR  the folder that holds admin.key, instead of .weir
  NO_COLOR       set: no colours`;

/** Builds the tree of commands. */
export function buildProgram(shell: Shell): Command {
  const program = openProgram(shell);
  addFetch(program, shell);
  addList(program, shell);
  addExplain(program, shell);
  addProviders(group(program, 'provider', 'registers and shows providers'), shell);
  addConsumers(group(program, 'consumer', 'registers and shows consumers'), shell);
  addTypes(group(program, 'type', 'publishes and shows context types'), shell);
  addKeys(group(program, 'key', 'creates, shows and revokes API keys'), shell);
  addTenants(group(program, 'tenant', 'creates and shows tenants'), shell);
  addWhoami(program, shell);
  addStart(program, shell);
  addCompletion(program, shell);
  addHelp(program);
  addComplete(program, shell);
  return program;
}

function openProgram({ terminal }: Shell): Command {
  return new Command('weir')
    .description('Fetches context from many providers in one call, and administers Weir.')
    .usage('<command> [options]')
    .version(pkg.version, '-V, --version', 'shows the version')
    .helpOption('-h, --help', 'shows help')
    .helpCommand(false)
    .addOption(new Option('--url <url>', 'the address of Weir'))
    .addOption(new Option('--key-file <file>', 'a file that holds the key to call with'))
    .addOption(
      new Option('--timeout <time>', 'the time a call may take (default: 10s)').argParser(
        parseTimeMs,
      ),
    )
    .addOption(new Option('--json', 'writes JSON, for programs'))
    .addOption(new Option('--debug', 'shows the details of a failure'))
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'weir: ')),
      getOutHelpWidth: () => terminal.columns ?? 100,
      getErrHelpWidth: () => terminal.columns ?? 100,
      getOutHasColors: () => terminal.color,
      getErrHasColors: () => terminal.color,
    })
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        ['weir list DocChunk', 'what there is to fetch'],
        ['weir fetch DocChunk/README.md SQLSchema/weir', 'two items in one call'],
        ['weir help provider register', 'help for one command'],
      ),
    )
    .addHelpText('after', environmentHelp)
    .addHelpText('after', exitCodesHelp);
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

function addProviders(provider: Command, shell: Shell): void {
  addProviderRegister(provider, shell);
  addProviderList(provider, shell);
  addProviderGet(provider, shell);
  addProviderDeregister(provider, shell);
}

function addConsumers(consumer: Command, shell: Shell): void {
  addConsumerRegister(consumer, shell);
  addConsumerList(consumer, shell);
  addConsumerGet(consumer, shell);
  addConsumerDeregister(consumer, shell);
}

function addTypes(type: Command, shell: Shell): void {
  addTypeList(type, shell);
  addTypeGet(type, shell);
  addTypePublish(type, shell);
}

function addKeys(key: Command, shell: Shell): void {
  addKeyCreate(key, shell);
  addKeyList(key, shell);
  addKeyRevoke(key, shell);
}

function addTenants(tenant: Command, shell: Shell): void {
  addTenantCreate(tenant, shell);
  addTenantList(tenant, shell);
}
