import type { JsonSchema } from '@weir/sdk/provider';
import type { MarkedField } from '../../suggest/policy.ts';
import { suggestSensitivity } from '../../suggest/sensitivity.ts';
import { elementOf, membersOf, target } from './look.ts';

type Definitions = Readonly<Record<string, JsonSchema>>;

/** Levels below a value in which fields are looked for, and how many of them are marked. */
const depthMax = 4;
const marksMax = 100;
const looksMax = 5_000;

/** The fields of a type that look personal or secret, each with the reason. */
export function marksOf(type: string, schema: JsonSchema, definitions: Definitions): MarkedField[] {
  const marks: MarkedField[] = [];
  let looks = 0;
  const look = (at: JsonSchema, pointer: string, depth: number): void => {
    if (depth > depthMax) return;
    const element = elementOf(at, definitions);
    if (element) look(element, `${pointer}/*`, depth + 1);
    for (const [name, held] of membersOf(at, definitions)) {
      looks += 1;
      if (looks > looksMax || marks.length >= marksMax) return;
      const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const own = target(held, definitions);
      const suggestion = suggestSensitivity({
        name,
        format: typeof own.format === 'string' ? own.format : undefined,
        description: String(held.description ?? own.description ?? ''),
        holdsText: own.type !== 'boolean',
      });
      if (suggestion && !/[*\s]/.test(name)) marks.push({ ...suggestion, type, pointer: place });
      else look(held, place, depth + 1);
    }
  };
  look(schema, '', 0);
  return marks;
}

const order = ['public', 'internal', 'confidential', 'restricted'] as const;

/** The most sensitive of the marks; undefined: there is none. */
export function highest(marks: readonly MarkedField[]): MarkedField['level'] | undefined {
  return order.findLast((level) => marks.some((mark) => mark.level === level));
}
