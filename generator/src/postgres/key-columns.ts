import type { ColumnRow, KeyRow, TableRow } from './introspect-queries.ts';
import type { LeftOut } from './model.ts';
import { qualified } from './names.ts';

/** What a key is chosen from. */
export interface KeyChoice {
  readonly table: TableRow;
  readonly columns: readonly ColumnRow[];
  readonly isKeyable: (column: ColumnRow) => boolean;
  /** The keys that the database ensures, the primary key first, then the shortest. */
  readonly keys: readonly KeyRow[];
  /** What was chosen by hand. Default: nothing. */
  readonly given: readonly string[] | undefined;
}

type Chosen =
  | { readonly columns: readonly string[]; readonly mayBeNull: boolean }
  | Omit<LeftOut, 'name'>;

/** The columns that make the key of a table, or why there is none. */
export function chooseKey(choice: KeyChoice): Chosen {
  const { table, columns, isKeyable, keys, given } = choice;
  if (given) return givenKey(choice, given);
  const choose = `name the columns that make one with --key ${qualified(table)}=COLUMN[,COLUMN]`;
  const byNumber = new Map(columns.map((column) => [column.number, column]));
  const all = keys
    .map((key) => key.columns.map((number) => byNumber.get(number)))
    .filter((key): key is ColumnRow[] => key.every((column) => column !== undefined));
  if (all.length === 0) return { reason: 'it has no key', mend: choose };
  const isWhole = (key: ColumnRow[]) => key.every((column) => column.isRequired);
  // A key that may be null still stands for one row where it is not.
  const candidates = [...all.filter(isWhole), ...all.filter((key) => !isWhole(key))];
  const usable = candidates.find((key) =>
    key.every((column) => column.isReadable && isKeyable(column)),
  );
  if (usable) return { columns: usable.map(({ name }) => name), mayBeNull: !isWhole(usable) };
  const hidden = candidates[0]?.find((column) => !column.isReadable);
  if (!hidden) return { reason: 'its key is of types that no key can be made of', mend: choose };
  return {
    reason: `the user may not read "${hidden.name}" of its key`,
    mend: `grant select ("${hidden.name}") on ${qualified(table)}`,
  };
}

function givenKey({ table, columns, isKeyable }: KeyChoice, given: readonly string[]): Chosen {
  for (const name of given) {
    const column = columns.find((one) => one.name === name);
    const place = `--key ${qualified(table)}=${given.join(',')}`;
    if (!column?.isReadable) {
      const readable = columns.filter((one) => one.isReadable).map((one) => one.name);
      throw new Error(
        `${place}: there is no column "${name}" to read among ${readable.join(', ')}`,
      );
    }
    if (!isKeyable(column)) {
      throw new Error(`${place}: no key can be made of "${name}", which is ${column.sql}`);
    }
  }
  return { columns: given, mayBeNull: false };
}
