import { join } from 'node:path';
import type { Setting } from '@weir/kit';
import { registrySettings } from '@weir/registry/config';
import { routerSettings } from '@weir/router';
import { connectorSettings } from '../../mcp/src/client/config.ts';
import { standaloneSettings } from '../../standalone/src/config.ts';

/** A setting, and which processes read it. */
export interface Declared {
  readonly variable: string;
  readonly doc: string;
  readonly unit: string;
  /** Undefined: there is none, and it need not be set. */
  readonly default: string | undefined;
  /** Whether it must be set. */
  readonly isRequired: boolean;
  readonly processes: readonly string[];
}

const root = join(import.meta.dirname, '../..');

const processes: Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>> = {
  registry: registrySettings,
  router: routerSettings,
  standalone: standaloneSettings,
  connector: connectorSettings,
};

/** All settings of servers, by variable. Where two processes differ, each has its own row. */
export function declaredSettings(): Declared[] {
  const rows = new Map<string, Declared>();
  for (const [process, settings] of Object.entries(processes)) {
    for (const one of Object.values(settings)) {
      const row = toRow(one);
      const same = [row.variable, row.doc, row.default].join('\0');
      const before = rows.get(same)?.processes ?? [];
      rows.set(same, { ...row, processes: [...before, process] });
    }
  }
  return [...rows.values()].toSorted((a, b) => (a.variable < b.variable ? -1 : 1));
}

function toRow({ variable, doc, unit, default: value, absent }: Setting<unknown>): Declared {
  // A path of this machine says nothing to others.
  const shown = value === root ? 'the folder of Weir' : value;
  return {
    ...{ variable, doc, unit, default: shown, processes: [] },
    isRequired: value === undefined && absent === undefined,
  };
}
