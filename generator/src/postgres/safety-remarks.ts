import type { Catalog } from './introspect.ts';
import type { TableRow } from './introspect-queries.ts';
import { qualified } from './names.ts';

const ownUser =
  'make a user that may only read: create role weir_reader login; grant pg_read_all_data to weir_reader';

/** What is unsafe about a user who may do more than read, and about row-level security. */
export function safetyRemarks(
  { session }: Catalog,
  tables: readonly TableRow[],
  tellsCaller: boolean,
): string[] {
  const { user, isSuperuser, bypassesRowSecurity } = session;
  if (isSuperuser) return [`"${user}" is a superuser, who may do everything: ${ownUser}`];
  if (bypassesRowSecurity) {
    return [`"${user}" passes by row-level security (BYPASSRLS): ${ownUser}`];
  }
  return tables.flatMap((table) => {
    const name = qualified(table);
    if (table.rowSecurityPassedBy) {
      return [`"${user}" owns ${name} and passes by its row-level security: ${ownUser}`];
    }
    if (!table.hasRowSecurity || tellsCaller) return [];
    return [
      `the row-level security of ${name} decides for "${user}", the same for all callers: with --tell-caller its policies can read current_setting('weir.principal')`,
    ];
  });
}
