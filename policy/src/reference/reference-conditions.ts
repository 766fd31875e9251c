import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { ReferenceFacts } from './reference-model.ts';

// Conditions once more, for the reference: the same language, and nothing of the engine's code.
// What differs on purpose: plain objects instead of views, every function evaluated anew with the
// plainest means, JavaScript's regular expressions instead of RE2's.

const kinds: Readonly<Record<string, readonly string[]>> = {
  subject: ['tenant', 'principal', 'kind', 'consumer', 'purpose', 'project', 'tier'],
  resource: ['type', 'key', 'provider', 'owner'],
  environment: ['network', 'authentication'],
};

const strings = (names: readonly string[] = []) =>
  Object.fromEntries(names.map((name) => [name, 'string']));

let current: ReferenceFacts | undefined;
const parsed = new Map<string, ParseResult>();
/** How many parsed conditions are kept. */
const parsedMax = 50_000;

const environment = new Environment()
  .registerVariable('subject', {
    schema: {
      ...strings(kinds.subject),
      roles: 'list<string>',
      groups: 'list<string>',
      clearance: 'int',
      attributes: 'map<string, dyn>',
    },
  })
  .registerVariable('resource', {
    schema: { ...strings(kinds.resource), sensitivity: 'int', labels: 'map<string, string>' },
  })
  .registerVariable('environment', {
    schema: { ...strings(kinds.environment), strength: 'int' },
  })
  .registerVariable('action', 'string')
  .registerConstant('PUBLIC', 'int', 1n)
  .registerConstant('INTERNAL', 'int', 2n)
  .registerConstant('CONFIDENTIAL', 'int', 3n)
  .registerConstant('RESTRICTED', 'int', 4n)
  .registerFunction('between(string, string, string): bool', isBetween)
  .registerFunction('weekday(string): int', weekdayOf)
  .registerFunction('before(string): bool', (time: string) => nowMs() < Date.parse(time))
  .registerFunction('after(string): bool', (time: string) => nowMs() >= Date.parse(time))
  .registerFunction('inNetwork(string, string): bool', liesIn)
  .registerFunction('hasRole(string): bool', (role: string) =>
    (current?.variables.subject.roles ?? []).includes(role),
  );

/** Evaluates a condition. Throws what the evaluation throws. */
export function holdsInReference(condition: string, facts: ReferenceFacts): boolean {
  if (condition === '') return true;
  const held = parsed.get(condition) ?? environment.parse(condition);
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(condition, held);
  current = facts;
  const value: unknown = held(facts.variables);
  if (typeof value === 'boolean') return value;
  throw new Error('neither true nor false');
}

function nowMs(): number {
  return current?.nowMs ?? Number.NaN;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localPart(timeZone: string, options: Intl.DateTimeFormatOptions): string {
  const name = JSON.stringify([timeZone, options]);
  const format = formats.get(name) ?? new Intl.DateTimeFormat('en-GB', { timeZone, ...options });
  formats.set(name, format);
  return format.format(nowMs());
}

function isBetween(from: string, to: string, timeZone: string): boolean {
  const time = localPart(timeZone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return from < to ? time >= from && time < to : time >= from || time < to;
}

function weekdayOf(timeZone: string): bigint {
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  return BigInt(days.indexOf(localPart(timeZone, { weekday: 'short' })) + 1);
}

/** Of IPv4 only: what the generator makes. */
function liesIn(address: string, network: string): boolean {
  const [base = '', length = '0'] = network.split('/');
  const bits = (text: string) => {
    const bytes = text.split('.').map(Number);
    if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) {
      throw new Error('no address');
    }
    return bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  };
  return bits(address).slice(0, Number(length)) === bits(base).slice(0, Number(length));
}
