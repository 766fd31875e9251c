import { parseArgs } from 'node:util';
import { isKept, type Measured, type Promised } from './promise.ts';
import { promises } from './promises.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((id) => !promises.some((promise) => promise.id === id));
if (unknown.length > 0) {
  const known = promises.map((promise) => promise.id).join(', ');
  console.error(`there is no promise ${unknown.join(', ')}; there are ${known}`);
  process.exitCode = 2;
} else {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  const asked = promises.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  let broken = 0;
  for (const promise of asked) broken += await measure(promise, abort.signal);
  console.log(`kept ${asked.length - broken}, broken ${broken}`);
  if (broken > 0) process.exitCode = 1;
}

/** Measures and prints a promise. 1: it is broken. */
async function measure(promise: Promised, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  console.log(`${promise.id}  ${promise.says}`);
  const figures = await promise.measure(signal);
  for (const figure of figures) console.log(`    ${line(figure)}`);
  return figures.every(isKept) ? 0 : 1;
}

function line(measured: Measured): string {
  const { figure, value, unit, limit, atLeast } = measured;
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(3));
  const bound = limit === undefined ? '' : `, promised: at ${atLeast ? 'least' : 'most'} ${limit}`;
  return `${isKept(measured) ? 'kept  ' : 'BROKEN'} ${figure}: ${rounded} ${unit}${bound}`;
}
