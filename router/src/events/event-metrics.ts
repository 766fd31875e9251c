import { createTally, type Metrics } from '@weir/kit';

/**
 * What becomes of events: of the log, of subscriptions (`replaced` gave way to later ones of their key),
 * and of groups of workers (`redelivered` are among those pulled).
 */
export type EventFate =
  | ('published' | 'delivered' | 'replaced')
  | ('pulled' | 'redelivered' | 'acked' | 'given_back' | 'dead');

/** What is counted of events. */
export interface EventCounts {
  /** So many were met with. */
  count(what: EventFate, by: number): void;
  /** A subscriber was cut off, for it did not read. */
  cut(): void;
}

const fates: readonly EventFate[] = [
  ...(['published', 'delivered', 'replaced'] as const),
  ...(['pulled', 'redelivered', 'acked', 'given_back', 'dead'] as const),
];

/** Counts events, and who could not take them. */
export function countEvents({ meter }: Pick<Metrics, 'meter'>): EventCounts {
  const events = createTally<EventFate>(meter, {
    name: 'weir_events',
    description: 'Events, by what became of them: published, delivered, pulled, acknowledged.',
    labels: (what) => ({ what }),
    shown: fates,
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
