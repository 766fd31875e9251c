import { canonicalJson } from '../canonical-json.ts';
import type { Read } from '../condition/fields.ts';
import type { CallFacts, ItemFacts } from '../model.ts';

/** What is asked for of a resource before it is there. */
export interface ResourceName {
  readonly key: string;
  readonly provider: string;
}

/** Reads one attribute that decisions depend on. */
export type Level = (
  facts: CallFacts,
  resource: ResourceName,
  item: ItemFacts | undefined,
) => unknown;

/**
 * How long a text of an item may be that rules read, all its labels as one text where they are not
 * named: what is read of longer ones cannot be evaluated, and is not kept.
 */
export const levelTextMax = 16_384;

/** Whether what was read is a text that is too long. */
export function isTooLong(value: unknown): boolean {
  return typeof value === 'string' && value.length > levelTextMax;
}

/** The attributes that decisions depend on, those of items apart. */
export interface Levels {
  readonly call: readonly Level[];
  readonly item: readonly Level[];
}

const callLevels: Readonly<Record<string, Level>> = {
  'resource.key': (_facts, resource) => resource.key,
  'resource.provider': (_facts, resource) => resource.provider,
  'subject.purpose': (facts) => facts.purpose,
  'environment.network': (facts) => facts.network,
  'environment.authentication': (facts) => facts.authentication,
};

const itemLevels: Readonly<Record<string, Level>> = {
  'resource.sensitivity': (_facts, _resource, item) => item?.sensitivity,
  'resource.owner': (_facts, _resource, item) => item?.owner,
  'resource.labels': (_facts, _resource, item) => canonicalJson({ ...item?.labels }),
};

/** The levels of a memo by exactly the attributes read: of labels those that are named. */
export function levelsOf(reads: Iterable<Read>): Levels {
  const call = new Map<string, Level>();
  const item = new Map<string, Level>();
  const labels = new Set<string>();
  for (const { variable, field, path } of reads) {
    // The strength follows from the authentication.
    const name = field === 'strength' ? 'environment.authentication' : `${variable}.${field}`;
    const level = callLevels[name];
    if (level) call.set(name, level);
    else if (field === 'labels' && path[0] !== undefined) labels.add(path[0]);
    else if (itemLevels[name]) item.set(name, itemLevels[name]);
  }
  const named = item.has('resource.labels') ? [] : [...labels].map(labelLevel);
  return { call: [...call.values()], item: [...item.values(), ...named] };
}

function labelLevel(name: string): Level {
  return (_facts, _resource, item) =>
    item !== undefined && Object.hasOwn(item.labels, name) ? item.labels[name] : undefined;
}
