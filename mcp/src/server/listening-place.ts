import type { ListName } from './backend.ts';
import type { WatchPlace } from './changes.ts';

const lists: readonly ListName[] = ['tools', 'prompts', 'resources'];
/** Enough to tell that a list is another one. */
const MARK_CHARS = 16;

/** Where a session goes on listening, and by which router the last event came. */
export interface ListeningPlace {
  readonly router: string;
  readonly place: WatchPlace;
}

/** The id of an event by which any router can go on: it says itself how far the client has heard. */
export function writeListeningPlace({ router, place }: ListeningPlace): string {
  const marks = lists.map((list) => shortMark(place.marks.get(list) ?? ''));
  return ['on', router, ...marks, place.upTo, place.cursor].join('.');
}

/** Reads such an id; undefined: it is none. */
export function readListeningPlace(id: string): ListeningPlace | undefined {
  const [, router = '', tools = '', prompts = '', resources = '', upTo, cursor = ''] =
    /^on\.([\w-]{1,32})\.([\w-]*)\.([\w-]*)\.([\w-]*)\.(\d{1,20})\.((?:[\w-]+\.[\w-]+)?)$/.exec(
      id,
    ) ?? [];
  if (upTo === undefined) return undefined;
  const marks = new Map<ListName, string>([
    ...([
      ['tools', tools],
      ['prompts', prompts],
      ['resources', resources],
    ] as const),
  ]);
  return { router, place: { marks, cursor, upTo: BigInt(upTo) } };
}

/** What of the mark of a list goes into the id of an event. */
export function shortMark(mark: string): string {
  return mark.slice(0, MARK_CHARS);
}
