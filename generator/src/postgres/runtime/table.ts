import type { JsonSchema, Sensitivity } from '@weir/sdk/provider';
import type { Codec } from './codec.ts';

/** A column of a table or view. */
export interface Column {
  /** Its type as SQL writes it, such as `integer`; values that are looked for are cast to it. */
  readonly sql: string;
  /** What becomes of its values in JSON. */
  readonly codec: Codec;
}

/** A foreign key whose target is offered too: the target's ref can be made from a row. */
export interface Link {
  /** The context type that the row refers to. */
  readonly type: string;
  /** The columns that hold the target's key, in the order of that key. */
  readonly columns: readonly string[];
}

/** A table or view, and how it is offered as a context type. */
export interface Table {
  /** The context type. */
  readonly type: string;
  /** The version of the context type, semver: raise it when the schema changes. */
  readonly version: string;
  /** What people call it. */
  readonly title?: string;
  /** The JSON Schema of its values. */
  readonly jsonSchema: JsonSchema;
  /** The schema of the database that the table lies in. */
  readonly schema: string;
  /** The name of the table or view. */
  readonly name: string;
  /** The columns that are read, in their order. */
  readonly columns: Readonly<Record<string, Column>>;
  /** The columns that make the key. */
  readonly key: readonly string[];
  /** The column by which people know a row. Default: none; then words are looked for in the key. */
  readonly titleColumn?: string;
  /** Foreign keys, by the name of the member of `linksMember` that holds their ref. Default: none. */
  readonly links?: Readonly<Record<string, Link>>;
  /** The member of a value that holds its refs. Default: `refs`. */
  readonly linksMember?: string;
  /** Columns by whose value rows can be listed, as `customer_id=5`. Default: none. */
  readonly filters?: readonly string[];
  /** How sensitive rows are. Default: `internal`. */
  readonly sensitivity?: Sensitivity;
  /** How long a row is held to stay true, in milliseconds. Default: 5,000. */
  readonly ttlMs?: number;
}
