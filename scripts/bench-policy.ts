import { indexPolicies } from '../policy/src/engine/index-policies.ts';
import type { Cell, ItemFacts, PolicyIndex, Verdict } from '../policy/src/model.ts';
import {
  largePolicies,
  largeRequest,
  largeShape,
  withOneMore,
} from '../policy/src/reference/large-rules.ts';
import { createPlainCasbin } from '../policy/src/reference/reference.ts';
import type { ReferenceRequest } from '../policy/src/reference/reference-model.ts';
import { createSubject } from '../policy/src/subject.ts';

// npm run bench:policy: what a decision costs, beside plain Casbin and a look-up in a map.

const sizes = [10, 1_000, 100_000];
/** Requests that come again and again: as many as a busy router sees in a moment. */
const requestCount = 256;
const rounds = 5;
/** How long each figure is measured, in ms, for each round. */
const roundMs = 120;

/** The least of several rounds of `work`, in ns for each call: what the machine does undisturbed. */
function nsPerCall(work: (index: number) => void): number {
  let best = Number.POSITIVE_INFINITY;
  let index = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const startMs = performance.now();
    let calls = 0;
    while (performance.now() - startMs < roundMs) {
      for (let batch = 0; batch < 64; batch += 1) work(index++);
      calls += 64;
    }
    const ns = ((performance.now() - startMs) * 1e6) / calls;
    if (round > 0) best = Math.min(best, ns);
  }
  return best;
}

function elapsedMs(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

interface Prepared {
  readonly request: ReferenceRequest;
  readonly subject: ReturnType<typeof createSubject>;
}

function prepare(rules: number): readonly Prepared[] {
  return Array.from({ length: requestCount }, (_, index) => {
    const request = largeRequest(rules, index * 37);
    return { request, subject: createSubject(request.subject) };
  });
}

function decide(index: PolicyIndex, { request, subject }: Prepared, change?: number): Verdict {
  const { action, type, resource, facts, item } = request;
  const cell: Cell = index.cell(subject, action, type);
  if (change === undefined) return cell.decide(facts, resource, item);
  // A purpose and an owner that never were there: nothing is remembered of them.
  const owned: ItemFacts = { ...item, owner: `user:${change}` };
  return cell.decide({ ...facts, purpose: `purpose-${change}` }, resource, owned);
}

function measure(rules: number) {
  const policies = largePolicies(rules);
  let index = indexPolicies(policies);
  const compileMs = elapsedMs(() => {
    index = indexPolicies(policies);
  });
  const prepared = prepare(rules);
  const at = (place: number) => prepared[place % prepared.length] as Prepared;
  const cells = elapsedMs(() => {
    for (const one of prepared) decide(index, one);
  });
  const changed = policies.with(0, withOneMore(policies[0] as (typeof policies)[0], 2));
  const reindexMs = [1, 2, 3].map(() => elapsedMs(() => indexPolicies(changed, index)));
  const effects = new Set(prepared.map((one) => decide(index, one).effect));
  return {
    rules,
    compileMs,
    reindexMs: Math.max(...reindexMs),
    firstUs: (cells * 1000) / prepared.length,
    memoisedNs: nsPerCall((place) => decide(index, at(place))),
    anewUs: nsPerCall((place) => decide(index, at(place), place)) / 1000,
    effects: [...effects].sort().join(' and '),
  };
}

async function plainCasbinUs(rules: number): Promise<number> {
  const casbin = await createPlainCasbin(largePolicies(rules));
  const prepared = prepare(rules);
  return (
    nsPerCall((place) => casbin.allows((prepared[place % prepared.length] as Prepared).request)) /
    1000
  );
}

function floorNs(): number {
  const prepared = prepare(1000);
  const map = new Map(prepared.map(({ request }) => [request.resource.key, request]));
  let found = 0;
  const ns = nsPerCall((place) => {
    const key = prepared[place % prepared.length]?.request.resource.key ?? '';
    if (map.get(key)) found += 1;
  });
  if (found === 0) throw new Error('nothing was found');
  return ns;
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(cell < 10 ? 2 : 0) : cell)).join(' | ')} |`;
}

const { departmentRules, wildcardShare, everyoneShare, globalRules } = largeShape;
const lines = [
  `departments of ${departmentRules} rules over 4 types; ${wildcardShare * 100} % of them with a wildcard, ${everyoneShare * 100} % for everybody; ${globalRules} rules about everything`,
  row([
    'rules',
    'memoised ns',
    'not memoised µs',
    'first of a cell µs',
    'compile ms',
    're-index of one policy ms',
    'plain Casbin µs',
    'verdicts',
  ]),
  row(Array(8).fill('---')),
];
for (const size of sizes) {
  const { rules, memoisedNs, anewUs, firstUs, compileMs, reindexMs, effects } = measure(size);
  const plain = size <= 1_000 ? await plainCasbinUs(size) : '';
  lines.push(
    row([String(rules), memoisedNs, anewUs, firstUs, compileMs, reindexMs, plain, effects]),
  );
}
lines.push(`floor, a look-up in a map: ${floorNs().toFixed(1)} ns`);
process.stdout.write(`${lines.join('\n')}\n`);
