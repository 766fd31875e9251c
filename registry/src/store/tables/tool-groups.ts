import { fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { ToolGroupSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { and, asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { toolGroups } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';

/** Reads tool groups. */
export function readToolGroups(db: Database): Pick<Reader, 'toolGroup' | 'toolGroups'> {
  return {
    async toolGroup(tenant, name) {
      const [row] = await db.select().from(toolGroups).where(is(tenant, name));
      return row && groupOf(row);
    },
    async toolGroups(tenant, page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(toolGroups)
        .where(
          and(
            eq(toolGroups.tenant, tenant),
            after === undefined ? undefined : gt(toolGroups.name, after),
          ),
        )
        .orderBy(asc(toolGroups.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: groupOf, place: (row) => [row.name] });
    },
  };
}

/** Writes tool groups. */
export function writeToolGroups(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putToolGroup' | 'deleteToolGroup'> {
  return {
    async putToolGroup(group) {
      const { tenant, name } = group;
      const row = { tenant, name, group: toJson(ToolGroupSchema, group) };
      await db
        .insert(toolGroups)
        .values(row)
        .onConflictDoUpdate({ target: [toolGroups.tenant, toolGroups.name], set: row });
      await ledger.publish(entryId('toolgroup', tenant, name), { case: 'toolGroup', value: group });
    },
    async deleteToolGroup(tenant, name) {
      await db.delete(toolGroups).where(is(tenant, name));
      await ledger.publish(entryId('toolgroup', tenant, name));
    },
  };
}

function is(tenant: string, name: string) {
  return and(eq(toolGroups.tenant, tenant), eq(toolGroups.name, name));
}

function groupOf({ group }: typeof toolGroups.$inferSelect) {
  return fromJson(ToolGroupSchema, group as JsonObject);
}
