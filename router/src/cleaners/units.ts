import { type Unit, units } from '@weir/kit/cleaning/units';
import { type Mend, mendText } from './leaf.ts';

/** An exact number. */
interface Ratio {
  readonly over: bigint;
  readonly under: bigint;
}

const QUANTITY_MAX_CHARS = 64;
/** Of results that no decimal can hold, such as 1 min in h. */
const SIGNIFICANT_DIGITS = 15;

const QUANTITY = /^([+\-\u2212]?)([\d.,]+)[ \u00a0\u202f]*(?:°(?=[CF]$))?([A-Za-z%]+)$/;
const WITH_POINT = /^(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?$/;
const WITH_COMMA = /^(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?$/;

/** Brings quantities such as "1,5 km" to a number in one unit, without loss. */
export function compileUnits(wanted: string, hasDecimalComma: boolean): Mend {
  const target = units[wanted];
  return mendText((given) => {
    const text = given.length > QUANTITY_MAX_CHARS ? '' : given.trim();
    const [, sign, figures = '', symbol = ''] = QUANTITY.exec(text) ?? [];
    const unit = Object.hasOwn(units, symbol) ? units[symbol] : undefined;
    if (!target || !unit || unit.dimension !== target.dimension) return undefined;
    if (!(hasDecimalComma ? WITH_COMMA : WITH_POINT).test(figures)) return undefined;
    const decimal = hasDecimalComma
      ? figures.replaceAll('.', '').replace(',', '.')
      : figures.replaceAll(',', '');
    const amount = ratio(decimal);
    const signed = sign === '' || sign === '+' ? amount : { ...amount, over: -amount.over };
    return { kind: 'number', source: decimalText(convert(signed, unit, target)) };
  });
}

function convert(amount: Ratio, from: Unit, to: Unit): Ratio {
  const base = times(plus(amount, ratio(from.shift)), factorOf(from));
  const { over, under } = factorOf(to);
  const shift = ratio(to.shift);
  return plus(times(base, { over: under, under: over }), { ...shift, over: -shift.over });
}

function factorOf({ ratio: factor, per = '1' }: Unit): Ratio {
  return times(ratio(factor), { over: 1n, under: BigInt(per) });
}

/** The number that a decimal without sign is. */
function ratio(decimal = '0'): Ratio {
  const [whole = '', fraction = ''] = decimal.split('.');
  return { over: BigInt(whole + fraction), under: 10n ** BigInt(fraction.length) };
}

function plus(a: Ratio, b: Ratio): Ratio {
  return { over: a.over * b.under + b.over * a.under, under: a.under * b.under };
}

function times(a: Ratio, b: Ratio): Ratio {
  return { over: a.over * b.over, under: a.under * b.under };
}

/** A number as a decimal: exact where that ends, else rounded to 15 significant digits. */
function decimalText({ over, under }: Ratio): string {
  const magnitude = over < 0n ? -over : over;
  const divisor = gcd(magnitude, under);
  const reduced = { over: magnitude / divisor, under: under / divisor };
  const places = decimalPlaces(reduced.under) ?? roundedPlaces(reduced);
  const scaled = divideRounded(reduced.over * 10n ** BigInt(places), reduced.under);
  const figures = String(scaled).padStart(places + 1, '0');
  const whole = figures.slice(0, figures.length - places);
  const fraction = figures.slice(figures.length - places).replace(/0+$/, '');
  const sign = over < 0n && scaled !== 0n ? '-' : '';
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** How many decimals a fraction with this denominator has; undefined when they never end. */
function decimalPlaces(under: bigint): number | undefined {
  let left = under;
  let twos = 0;
  let fives = 0;
  for (; left % 2n === 0n; left /= 2n) twos++;
  for (; left % 5n === 0n; left /= 5n) fives++;
  return left === 1n ? Math.max(twos, fives) : undefined;
}

function roundedPlaces({ over, under }: Ratio): number {
  const magnitude = String(over).length - String(under).length;
  return Math.max(0, SIGNIFICANT_DIGITS - magnitude);
}

function divideRounded(over: bigint, under: bigint): bigint {
  return (over * 2n + under) / (under * 2n);
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}
