import type { Sensitivity } from '@weir/sdk';
import type { MarkedField } from '../suggest/policy.ts';
import { type Suggestion, suggestSensitivity } from '../suggest/sensitivity.ts';
import type { LinkedDraft } from './draft.ts';
import type { OfferedTable } from './model.ts';

/** What looks personal or secret of a table, by column. */
export type Marks = ReadonlyMap<string, Suggestion>;

/** Chains of foreign keys that a mark is followed along. */
const chainMax = 16;

/** What looks personal or secret, by the context type. What refers to it does too. */
export function marksOfAll(drafts: readonly LinkedDraft[]): ReadonlyMap<string, Marks> {
  const marks = new Map(drafts.map((draft) => [draft.type, ownMarks(draft)]));
  const keys = new Map(drafts.map(({ type, key }) => [type, key]));
  for (let round = 0; round < chainMax; round++) {
    const before = [...marks.values()].reduce((sum, { size }) => sum + size, 0);
    for (const { type, links } of drafts) {
      for (const link of Object.values(links)) {
        const target = marks.get(link.type);
        for (const [at, name] of (keys.get(link.type) ?? []).entries()) {
          const found = target?.get(name);
          const column = link.columns[at] ?? '';
          const own = marks.get(type);
          if (!found || !own || own.has(column)) continue;
          const reason = `it refers to ${link.type}, of whose ${name} ${found.reason}`;
          own.set(column, { ...found, reason });
        }
      }
    }
    if ([...marks.values()].reduce((sum, { size }) => sum + size, 0) === before) break;
  }
  return marks;
}

/** Types of keys that mean nothing by themselves. */
const pointers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint', 'uuid']);

function ownMarks({ columns, key, links }: LinkedDraft): Map<string, Suggestion> {
  const references = new Set([...key, ...Object.values(links).flatMap((link) => link.columns)]);
  const found = columns.flatMap(({ row, type }) => {
    const suggestion = suggestSensitivity({
      name: row.name,
      description: row.comment ?? undefined,
      holdsText: type.codec !== 'boolean',
    });
    // What only points at an address is none.
    const isPointer = references.has(row.name) && pointers.has(type.sql);
    if (isPointer && suggestion?.level === 'confidential') return [];
    return suggestion ? [[row.name, suggestion] as const] : [];
  });
  return new Map(found);
}

/** The fields of values that are marked: columns, and the refs that are made of them. */
export function markedFields(table: OfferedTable, marks: Marks): MarkedField[] {
  const { type, links = {}, linksMember = '' } = table;
  return [...marks].flatMap(([column, mark]) => {
    // A ref is made of the columns: it would tell what the policy hides of them.
    const refs = Object.keys(links).filter((name) => links[name]?.columns.includes(column));
    const pointers = [pointerOf(column), ...refs.map((name) => pointerOf(linksMember, name))];
    return pointers.map((pointer) => ({ type, pointer, ...mark }));
  });
}

/** A place in a value, as a JSON Pointer. */
export function pointerOf(...names: readonly string[]): string {
  return names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What no policy can hide: keys stand in lists, refs and records. */
export function keyRemarks({ type, key }: LinkedDraft, marks: Marks): string[] {
  return key.flatMap((name) => {
    const mark = marks.get(name);
    if (!mark) return [];
    return [
      `the key of ${type} is ${mark.level}, since of ${name} ${mark.reason}: keys stand in lists, refs and records, where no policy hides them; choose another with --key`,
    ];
  });
}

const levels: readonly Sensitivity[] = ['public', 'internal', 'confidential', 'restricted'];

/** A row is as sensitive as the most sensitive of its columns. */
export function levelOf(marks: Marks): Sensitivity {
  const places = [...marks.values()].map(({ level }) => levels.indexOf(level));
  return levels[Math.max(levels.indexOf('internal'), ...places)] as Sensitivity;
}
