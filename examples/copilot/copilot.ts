import { createWeir, type DeliveredEvent, type ItemOutcome } from '@weir/sdk';

// A copilot: it is told of each page that was saved, fetches what belongs to it in one call, and
// writes the prompt that it would send to its model. Needs WEIR_URL and a WEIR_KEY that may read.
// With --once it ends after the first prompt.

const weir = createWeir({ url: process.env.WEIR_URL ?? '', key: process.env.WEIR_KEY ?? '' });

let isSubscribed = false;
const onCursor = (): void => {
  // A copilot that must miss nothing stores the cursor, and begins with it after a restart.
  if (!isSubscribed) console.log('subscribed to page.*');
  isSubscribed = true;
};

for await (const event of weir.subscribe('page.*', { onCursor })) {
  console.log(`${event.topic} of ${event.key}, ${Date.now() - event.time.getTime()} ms old`);
  const outcomes = await contextOf(event);
  for (const outcome of outcomes) console.log(`  ${lineOf(outcome)}`);
  console.log(`the prompt:\n${promptOf(outcomes)}`);
  if (process.argv.includes('--once')) break;
}
weir.close();

/** The page as it was saved or later, its data model and who saved it: one call. */
async function contextOf(event: DeliveredEvent): Promise<ItemOutcome[]> {
  const { table, savedBy } = event.json() as { table: string; savedBy: string };
  const refs = [`PageDSL/${event.key}`, `SQLSchema/${table}`, `Principal/${savedBy}`];
  return weir.fetch(refs, { consistencyToken: event.consistencyToken });
}

function lineOf(outcome: ItemOutcome): string {
  const name = `${outcome.ref.type}/${outcome.ref.key}`;
  if (!outcome.ok) return `${name}: ${outcome.refusal.text}`;
  const { bytes, provenance, redacted } = outcome.item;
  const origin = `${bytes.length} bytes from ${provenance.provider}`;
  return `${name}: ${origin}${redacted ? ', some of it hidden by policy' : ''}`;
}

/** What is missing is said, so that the model does not invent it. */
function promptOf(outcomes: readonly ItemOutcome[]): string {
  const titles = ['The page', 'Its data model', 'Who saved it'];
  const parts = outcomes.map((outcome, index) => {
    const value = outcome.ok ? JSON.stringify(outcome.item.value) : 'You may not see it.';
    return `# ${titles[index]}\n${value}`;
  });
  const task = 'Suggest one improvement to the page that was just saved, fit for who saved it.';
  return [task, ...parts].join('\n');
}
