import type { Tenant } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type Part, renderPart } from './part.ts';
import type { Screen } from './table.ts';
import { formatTime } from './time.ts';

/** Renders a list of tenants. */
export function renderTenants(part: Part<Tenant>, screen: Screen): string {
  const columns = [{ title: 'name' }, { title: 'created' }, { title: 'title', shrinks: true }];
  const rows = part.items.map((each) => [each.name, formatTime(each.createTime), each.title]);
  return renderPart({ columns, rows, more: part.more, noun: 'tenant' }, screen);
}
