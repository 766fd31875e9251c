import { createTally, type Metrics } from '@weir/kit';
import type { Appended } from './event-store.ts';

/** Counts what is committed; returns the function that does it, for one transaction. */
export function countEvents({
  meter,
}: Pick<Metrics, 'meter'>): (appended: readonly Appended[]) => void {
  const tally = (name: string, description: string) =>
    createTally<number>(meter, { name, description, labels: () => ({}), shown: [0] });
  const events = tally('weir_registry_events', 'Events that this registry committed.');
  const bytes = tally('weir_registry_event_bytes', 'What they take in the database, encoded.');
  const commits = tally('weir_registry_event_commits', 'Transactions that committed them.');
  return (appended) => {
    for (const one of appended) {
      events(0, one.ids.length);
      bytes(0, one.bytes);
    }
    commits(0);
  };
}
