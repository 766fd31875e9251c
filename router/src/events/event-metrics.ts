import { createTally, type Metrics } from '@weir/kit';

/** What is counted of events. */
export interface EventCounts {
  /** So many were committed, delivered, or gave way to later ones of their key. */
  count(what: 'published' | 'delivered' | 'replaced', by: number): void;
  /** A subscriber was cut off, for it did not read. */
  cut(): void;
}

/** Counts events, and who could not take them. */
export function countEvents({ meter }: Pick<Metrics, 'meter'>): EventCounts {
  const events = createTally<Parameters<EventCounts['count']>[0]>(meter, {
    name: 'weir_events',
    description: 'Events that were published, delivered, or gave way to later ones of their key.',
    labels: (what) => ({ what }),
    shown: ['published', 'delivered', 'replaced'],
  });
  const cut = createTally<'cut'>(meter, {
    name: 'weir_subscribers_cut',
    description: 'Subscribers that were cut off, for they did not read.',
    labels: () => ({}),
    shown: ['cut'],
  });
  return {
    count: (what, by) => {
      if (by > 0) events(what, by);
    },
    cut: () => cut('cut'),
  };
}
