import type { ListEntry } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { ListGap } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Offer } from '../snapshot/catalogue.ts';
import { DONE, mergePages, type Page, START } from './merge.ts';
import { type Position, sourceName } from './page-token.ts';
import type { Listed } from './show.ts';

/** How often providers are asked for one page, as long as nothing of what they list may be shown. */
const ROUNDS_MAX = 4;
/** Entries that are decided on for one page; beyond them it is shorter than it might be. */
const LOOKED_AT_MAX = 2_000;

/** What a page is gathered from. */
export interface Gathering {
  readonly sources: readonly Offer[];
  /** Where each source goes on, by its name; moved on by what is taken. */
  readonly positions: Map<string, Position>;
  /** The entries to be shown. */
  readonly size: number;
  readonly byScore: boolean;
  readonly ask: (offer: Offer, position: Position) => Promise<Page | ListGap>;
  /** Makes what decides on entries, by the rules in force now. */
  readonly showing: () => (offer: Offer, entry: ListEntry) => Listed;
}

/** A page that was gathered. */
export interface GatheredPage {
  /** What was decided on: what is shown, and what the caller may not know of. */
  readonly looked: readonly Listed[];
  readonly gaps: readonly ListGap[];
}

/**
 * Gathers a page. Where entries are left out others take their place, and what is left out behind
 * the last one is passed: so that neither the size of a page nor whether another one follows tells
 * of what the caller may not know of, as far as the bounds allow.
 */
export async function gatherPage(gathering: Gathering): Promise<GatheredPage> {
  const { sources, positions, byScore, ask, showing } = gathering;
  const looked: Listed[] = [];
  const gaps: ListGap[] = [];
  let held: readonly Page[] = [];
  let room = gathering.size;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const asked = waiting(sources, positions, held);
    const answers = await Promise.all(
      asked.map((offer) => ask(offer, positions.get(sourceName(offer)) ?? START)),
    );
    const failed = answers.filter((answer): answer is ListGap => !isPage(answer));
    // What fails now is asked again for the next page, and told with that.
    if (round > 0 && failed.length > 0) break;
    gaps.push(...failed);
    // A gap is told once: the pages that follow are without that provider.
    for (const offer of asked) positions.set(sourceName(offer), DONE);
    const pages = [...held, ...answers.filter(isPage)];
    const bounds = { room, lookMax: LOOKED_AT_MAX - looked.length };
    const merged = mergePages(pages, byScore, { ...bounds, show: showing() });
    looked.push(...merged.looked);
    room -= merged.shown;
    for (const [page, position] of merged.next) positions.set(sourceName(page.offer), position);
    held = pages.flatMap((page) => restOf(page, merged.next.get(page)));
    const isEnough = room === 0 || looked.length >= LOOKED_AT_MAX;
    if (isEnough || merged.shown === merged.looked.length) break;
  }
  return { looked, gaps };
}

/** The sources that have more, of which no entries are here. */
function waiting(
  sources: readonly Offer[],
  positions: ReadonlyMap<string, Position>,
  held: readonly Page[],
): Offer[] {
  const isHeld = (offer: Offer) => held.some((page) => page.offer === offer);
  return sources.filter(
    (offer) => positions.get(sourceName(offer))?.done !== true && !isHeld(offer),
  );
}

/** A page of which entries are left. */
function restOf(page: Page, position: Position | undefined): Page[] {
  const isLeft = position && !position.done && position.token === page.position.token;
  return isLeft ? [{ ...page, position }] : [];
}

function isPage(answer: Page | ListGap): answer is Page {
  return 'answer' in answer;
}
