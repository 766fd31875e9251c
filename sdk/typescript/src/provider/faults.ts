import { isSensitivity } from '../sensitivity.ts';
import { schemaChecks } from './cleaner.ts';
import type { ContextSpec } from './context.ts';
import type { ProviderSpec } from './definition.ts';
import type { OperationSpec } from './operation.ts';

const typeName = /^[A-Z][A-Za-z0-9]{0,62}$/;
const providerName = /^[a-z][a-z0-9-]{0,62}$/;
/** As semver.org suggests. */
const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const topicName = '[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?';
const topicForm = new RegExp(`^${topicName}(?:\\.${topicName}){0,7}$`);
const operationName = /^[A-Za-z0-9_.-]{1,128}$/;
const topicsMax = 64;
const scopes: readonly unknown[] = ['tenant', 'principal', 'none', undefined];

type AnyContext = Omit<ContextSpec<string, never>, 'fetch' | 'fetchMany'> & {
  readonly fetch?: unknown;
  readonly fetchMany?: unknown;
};

/** What is wrong with a context's declaration. */
export function contextFaults(spec: AnyContext): string[] {
  const { type, version, fetch, fetchMany, scope, sensitivity, schemaCheck } = spec;
  return found([
    [!typeName.test(type), 'type must be A-Z, a-z, 0-9 after a capital, at most 63 characters'],
    [!semver.test(version), `version "${version}" is not semver: write it like 1.0.0`],
    [!fetch && !fetchMany, 'give fetch or fetchMany'],
    [!!fetch && !!fetchMany, 'give fetch or fetchMany, not both'],
    [!scopes.includes(scope), `scope "${scope}" is not tenant, principal or none`],
    [
      sensitivity !== undefined && !isSensitivity(sensitivity),
      `sensitivity "${sensitivity}" is not public, internal, confidential or restricted`,
    ],
    [
      schemaCheck !== undefined && !Object.hasOwn(schemaChecks, schemaCheck),
      `schemaCheck "${schemaCheck}" is not none, score or require`,
    ],
    ...durations(spec, ['ttlMs', 'staleWhileRevalidateMs', 'negativeTtlMs']),
  ]);
}

/** What is wrong with an operation's declaration. */
export function operationFaults(spec: OperationSpec): string[] {
  const { name, timeoutMs, ttlMs, readOnly, scope, sensitivity } = spec;
  return found([
    [!operationName.test(name), 'name must be 1 to 128 of A-Z, a-z, 0-9, "_", "-" and "."'],
    [
      !isWithin(timeoutMs ?? 1, 1, 600_000),
      `timeoutMs ${timeoutMs} is not a whole number from 1 to 600000`,
    ],
    [ttlMs !== undefined && !readOnly, 'only what is readOnly can have ttlMs'],
    [!scopes.includes(scope), `scope "${scope}" is not tenant, principal or none`],
    [
      sensitivity !== undefined && !isSensitivity(sensitivity),
      `sensitivity "${sensitivity}" is not public, internal, confidential or restricted`,
    ],
    ...durations(spec, ['ttlMs']),
  ]);
}

/** What is wrong with a provider's declaration. */
export function providerFaults(spec: ProviderSpec): string[] {
  const { name, version, weight, timeoutMs, contexts = [], operations = [] } = spec;
  const { bearer, concurrency } = spec;
  const toldOfCaller = spec.wantsPrincipal || (spec.principalAttributes ?? []).length > 0;
  const shared = contexts.filter((each) => toldOfCaller && each.scope === 'tenant');
  return found([
    [!providerName.test(name), 'name must be a-z, 0-9 and "-" after a letter, at most 63'],
    [!semver.test(version), `version "${version}" is not semver: write it like 1.0.0`],
    [
      contexts.length + operations.length === 0,
      'contexts is empty: offer at least one, or an operation',
    ],
    [!isWithin(weight ?? 100, 0, 1000), `weight ${weight} is not a whole number from 0 to 1000`],
    [!isWithin(timeoutMs ?? 1, 1, 60_000), `timeoutMs ${timeoutMs} is not 1 to 60000`],
    ...limitFaults(spec.limits),
    [
      !isWithin(spec.hedgeAfterMs ?? 10, 10, 60_000),
      `hedgeAfterMs ${spec.hedgeAfterMs} is not 10 to 60000; leave it out for never`,
    ],
    [!isWithin(concurrency ?? 1, 1, 100_000), `concurrency ${concurrency} is not 1 or more`],
    [
      bearer !== undefined && !bearer.startsWith('secret://'),
      'bearer must be a secret:// reference',
    ],
    ...shared.map((each): Fault => {
      const text = `${each.type}: a provider told of the principal needs scope principal or none`;
      return [true, text];
    }),
    ...topicFaults(spec.topics),
    ...repeated(operations.map((each) => each.name)).map(
      (each): Fault => [true, `operation ${each} is offered twice: offer it once`],
    ),
    ...repeated(contexts.map((each) => `${each.type}@${each.version}`)).map(
      (each): Fault => [true, `${each} is offered twice: offer it once`],
    ),
  ]);
}

/** Whether a text is a topic of events. */
export function isTopic(text: string): boolean {
  return topicForm.test(text);
}

function topicFaults(topics: ProviderSpec['topics'] = []): Fault[] {
  const names = topics.map(({ topic }) => topic);
  return [
    [
      topics.length > topicsMax,
      `topics has ${topics.length} entries: declare at most ${topicsMax}`,
    ],
    ...topics.flatMap(({ topic, data }): Fault[] => [
      [!isTopic(topic), `topic "${topic}" is none: write 1 to 8 names like page.updated`],
      [!!data && !typeName.test(data.type), `the type of the data of ${topic} is no type`],
      [!!data && !semver.test(data.version), `the version of the data of ${topic} is not semver`],
    ]),
    ...repeated(names).map((each): Fault => [true, `${each} is declared twice: declare it once`]),
  ];
}

function limitFaults(limits: ProviderSpec['limits'] = {}): Fault[] {
  const bounds: [keyof typeof limits, number, number][] = [
    ['concurrentCalls', 1, 1_000],
    ['callsPerSecond', 1, 100_000],
    ['responseBytes', 4_096, 1024 ** 3],
  ];
  return bounds.map(([name, least, most]) => [
    limits[name] !== undefined && !isWithin(limits[name], least, most),
    `limits.${name} ${limits[name]} is not ${least} to ${most}`,
  ]);
}

type Fault = readonly [isFault: boolean, text: string];

function found(checks: readonly Fault[]): string[] {
  return checks.filter(([isFault]) => isFault).map(([, text]) => text);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function durations<Name extends string>(
  spec: { readonly [name in Name]?: number | undefined },
  names: readonly Name[],
): Fault[] {
  return names.map((name) => [
    !((spec[name] ?? 0) >= 0 && (spec[name] ?? 0) < Number.POSITIVE_INFINITY),
    `${name} ${spec[name]} is not a number of milliseconds, 0 or more`,
  ]);
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
