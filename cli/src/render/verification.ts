import type { Verification } from '@weir/journal';
import { painter } from '../terminal.ts';
import { renderTable, type Screen } from './table.ts';
import { count, oneLine } from './text.ts';

/** Renders what was verified, and the first fault of each chain that has one. */
export function renderVerification(verification: Verification, screen: Screen): string {
  const { ok, chains, faults } = verification;
  const paint = painter(screen);
  if (chains.length === 0) return 'There are no chains.\n';
  const columns = [
    { title: 'chain' },
    { title: 'written by', shrinks: true },
    { title: 'entries', right: true },
    { title: 'signed', right: true },
    { title: 'heads', right: true },
    { title: 'dropped', right: true },
    { title: 'found' },
  ];
  const bad = new Set(faults.map(({ chain }) => chain));
  const rows = chains.map((each) => [
    each.id,
    each.chain?.writer ?? '',
    String(each.length),
    String(each.checkpointed),
    String(each.anchors),
    String(each.dropped),
    bad.has(each.id) ? 'BAD' : 'whole',
  ]);
  const notes = chains.flatMap(({ id, notes: own }) =>
    own.map((note) => `${id}: ${oneLine(note)}\n`),
  );
  const lines = faults.map(({ chain, position, text, place }) => {
    const where = place ? ` (${oneLine(place.file)} at byte ${place.offset})` : '';
    return `${paint('red', 'BAD')} chain ${chain}, entry ${position}: ${oneLine(text)}${where}\n`;
  });
  const verdict = ok
    ? paint('green', `${count(chains.length, 'chain')}, all whole.`)
    : paint('red', `${count(lines.length, 'fault')}; the first bad entry of each chain is named.`);
  return `${renderTable(columns, rows, screen)}${notes.join('')}${lines.join('')}${verdict}\n`;
}
