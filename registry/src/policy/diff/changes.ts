import { create, toBinary } from '@bufbuild/protobuf';
import type { Action } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type PolicyChange, PolicyChangeSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { decisionOf, type Outcome, outcomeKey } from './outcome.ts';

/** How many kinds of changes are told apart; items of others are only counted. */
const KINDS_MAX = 20_000;
/** How many of them are told. */
const TOLD_MAX = 1000;
/** How large they may be together, since one answer carries them. */
const TOLD_MAX_BYTES = 2 * 1024 * 1024;
/** How many keys of each are told. */
const KEYS_MAX = 5;

/** An item that would be decided otherwise. */
export interface ChangedItem {
  readonly principal: string;
  readonly action: Action;
  readonly type: string;
  readonly key: string;
  readonly before: Outcome;
  readonly after: Outcome;
}

/** Changes, those alike as one. */
export interface Changes {
  /** Adds an item, for so many calls. */
  add(item: ChangedItem, calls: number): void;
  /** Most items first. */
  told(): PolicyChange[];
}

interface Kind {
  readonly first: ChangedItem;
  readonly keys: Set<string>;
  items: number;
}

/** Begins to gather changes. */
export function createChanges(): Changes {
  const kinds = new Map<string, Kind>();

  function kindOf(item: ChangedItem): Kind | undefined {
    const { principal, action, type, before, after } = item;
    const name = JSON.stringify([principal, action, type, outcomeKey(before), outcomeKey(after)]);
    const held = kinds.get(name);
    if (held || kinds.size >= KINDS_MAX) return held;
    const kind = { first: item, keys: new Set<string>(), items: 0 };
    kinds.set(name, kind);
    return kind;
  }

  return {
    add(item, calls) {
      const kind = kindOf(item);
      if (!kind) return;
      kind.items += calls;
      if (kind.keys.size < KEYS_MAX) kind.keys.add(item.key);
    },
    told() {
      const most = [...kinds.values()].sort((a, b) => b.items - a.items).slice(0, TOLD_MAX);
      let bytes = 0;
      return most.map(changeOf).filter((change) => {
        bytes += toBinary(PolicyChangeSchema, change).length;
        return bytes <= TOLD_MAX_BYTES;
      });
    },
  };
}

function changeOf({ first, keys, items }: Kind): PolicyChange {
  const { principal, action, type, before, after } = first;
  return create(PolicyChangeSchema, {
    ...{ principal, action, type, keys: [...keys], items: BigInt(items) },
    before: decisionOf(before),
    after: decisionOf(after),
  });
}
