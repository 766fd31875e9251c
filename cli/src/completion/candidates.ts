import type { Weir } from '@weir/sdk';
import type { Command } from 'commander';
import { reportLanguages, reportNames } from '../commands/audit-report.ts';
import { scopeNames, sensitivityNames } from '../options.ts';
import { type Line, optionsOf, pathOf, readLine } from './line.ts';

/** The shells for which there are scripts. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** Something that could stand at the cursor. */
export interface Candidate {
  readonly value: string;
  readonly text: string;
}

/** What could stand at the cursor: words, or the names of files. */
export type Candidates = readonly Candidate[] | 'files';

/** Looks names up in Weir, as far as the line says which one. */
export type LookUp = (line: Line) => Promise<Weir>;

type Source = (line: Line, lookUp: LookUp) => Candidates | Promise<Candidates>;

/** The most names that are looked up. */
const NAMES_MAX = 200;

const byOption: Readonly<Record<string, Source>> = {
  '--provider': providerNames,
  '--consumer': consumerNames,
  '--type': typeNames,
  '--as': principalNames,
  '--without': policyNames,
  '--sensitivity': () => sensitivityNames.map((value) => ({ value, text: '' })),
  '--fetch': refs,
  '--list': refs,
  '--ref': refs,
  '--from': (line) =>
    ['subscribe', 'pull'].includes(pathOf(line.command)) ? words('latest', 'earliest') : [],
  '--scope': () => scopeNames.map((value) => ({ value, text: '' })),
  '--principal': principalNames,
  '--effect': () => words('allow', 'deny'),
  '--format': () => words('ndjson', 'csv'),
  '--language': () => words(...reportLanguages),
  '--chains': () => 'files',
  '--output': () => 'files',
  '--key-file': () => 'files',
  '--data': () => 'files',
  '--docs': () => 'files',
  '--out': () => 'files',
  '--on-conflict': () => words('stop', 'markers'),
};

const byCommand: Readonly<Record<string, Source>> = {
  fetch: refs,
  explain: refs,
  list: atFirst(typeNames),
  'provider register': () => 'files',
  'provider generate openapi': () => 'files',
  'provider serve openapi': () => 'files',
  'provider get': atFirst(providerNames),
  'provider deregister': atFirst(providerNames),
  'consumer register': () => 'files',
  'consumer get': atFirst(consumerNames),
  'consumer deregister': atFirst(consumerNames),
  'type get': atFirst(typeNames),
  'type publish': () => 'files',
  'policy check': () => 'files',
  'policy test': () => 'files',
  'policy diff': () => 'files',
  'policy put': () => 'files',
  'policy rollback': atFirst(policyNames),
  'policy get': atFirst(policyNames),
  'policy versions': atFirst(policyNames),
  'policy delete': atFirst(policyNames),
  'audit report': atFirst(() => words(...reportNames)),
  'audit verify': () => 'files',
  'key revoke': atFirst(keyIds),
  completion: atFirst(() => shells.map((value) => ({ value, text: '' }))),
};

/** Says what could stand at the cursor of a command line, whose words do not name the program. */
export async function findCandidates(
  program: Command,
  words: readonly string[],
  lookUp: LookUp,
): Promise<Candidates> {
  const cursor = readLine(program, words);
  const found = await candidatesAt(cursor, lookUp);
  if (found === 'files') return found;
  const before = cursor.kind === 'value' ? cursor.before : '';
  return found
    .filter(({ value }) => value.startsWith(cursor.line.typed))
    .map(({ value, text }) => ({ value: `${before}${value}`, text }));
}

async function candidatesAt(
  cursor: ReturnType<typeof readLine>,
  lookUp: LookUp,
): Promise<Candidates> {
  const { line } = cursor;
  switch (cursor.kind) {
    case 'option':
      return optionsOf(line.command).map(({ long, short, description }) => ({
        value: long ?? short ?? '',
        text: description,
      }));
    case 'value':
      return (await byOption[cursor.option.long ?? '']?.(line, lookUp)) ?? [];
    case 'argument':
      return argumentsOf(line, lookUp);
    default:
      return cursor satisfies never;
  }
}

async function argumentsOf(line: Line, lookUp: LookUp): Promise<Candidates> {
  const path = pathOf(line.command);
  if (path === 'help') return commandsIn(inside(line));
  if (line.command.commands.length > 0) return commandsIn(line.command);
  return (await byCommand[path]?.(line, lookUp)) ?? [];
}

function commandsIn(command: Command | undefined): Candidate[] {
  if (command === undefined) return [];
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => ({
    value: each.name(),
    text: each.summary() || each.description(),
  }));
}

/** The command of which `weir help …` names the beginning. */
function inside({ command, args }: Line): Command | undefined {
  let found: Command | undefined = command.parent ?? command;
  for (const arg of args) found = found?.commands.find((each) => each.name() === arg);
  return found;
}

function words(...values: readonly string[]): Candidate[] {
  return values.map((value) => ({ value, text: '' }));
}

function atFirst(source: Source): Source {
  return (line, lookUp) => (line.args.length === 0 ? source(line, lookUp) : []);
}

async function refs(line: Line, lookUp: LookUp): Promise<Candidates> {
  const slash = line.typed.indexOf('/');
  if (slash === -1) {
    const types = await typeNames(line, lookUp);
    return types.map(({ value, text }) => ({ value: `${value}/`, text }));
  }
  const type = line.typed.slice(0, slash);
  const weir = await lookUp(line);
  const { entries } = await weir.listPage({
    type: type.replace(/@.*$/, ''),
    keyPrefix: line.typed.slice(slash + 1),
    provider: line.values.get('--provider'),
    pageSize: NAMES_MAX,
  });
  return unique(entries.map(({ ref, title }) => ({ value: `${type}/${ref?.key}`, text: title })));
}

async function typeNames(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const { types } = await (await lookUp(line)).registry.listTypes({ pageSize: NAMES_MAX });
  return unique(types.map(({ manifest: m }) => ({ value: m?.name ?? '', text: m?.title ?? '' })));
}

async function providerNames(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const { providers } = await (await lookUp(line)).registry.listProviders({ pageSize: NAMES_MAX });
  return unique(
    providers.map(({ manifest: m }) => ({ value: m?.name ?? '', text: m?.title ?? '' })),
  );
}

async function consumerNames(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const { consumers } = await (await lookUp(line)).registry.listConsumers({ pageSize: NAMES_MAX });
  return unique(
    consumers.map(({ manifest: m }) => ({ value: m?.name ?? '', text: m?.title ?? '' })),
  );
}

async function policyNames(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const { policies } = await (await lookUp(line)).policy.listPolicies({});
  return policies.map(({ name, title }) => ({ value: name, text: title }));
}

async function principalNames(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const { principals } = await (await lookUp(line)).admin.listPrincipals({ pageSize: NAMES_MAX });
  return principals.map(({ name, title }) => ({ value: name, text: title }));
}

async function keyIds(line: Line, lookUp: LookUp): Promise<Candidate[]> {
  const tenant = line.values.get('--tenant') ?? '';
  const { keys } = await (await lookUp(line)).admin.listKeys({ tenant, pageSize: NAMES_MAX });
  return keys.map(({ id, principal }) => ({ value: id, text: principal }));
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((each) => [each.value, each])).values()];
}
