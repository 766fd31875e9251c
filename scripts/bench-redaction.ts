import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createRedactor, type Obligations } from '@weir/policy';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';

// Prints what redaction costs: for a value of 1 KB, and for a mebibyte.

type Duty = NonNullable<MessageInitShape<typeof ObligationSchema>['kind']>;

const ROUNDS = 31;
const VALUES_PER_ROUND = 400;
const LARGE_BYTES = 1024 * 1024;
const all = ['email', 'phone', 'cn-id', 'tw-id', 'us-ssn', 'payment-card', 'iban', 'secret'];

const order = (note: string) => ({
  id: 'ord_2026_000481',
  placed: '2026-11-02T10:15:30Z',
  customer: {
    name: 'Lin Wei',
    email: 'lin.wei@example.com',
    phone: '+886 912 345 678',
    tier: 'gold',
  },
  lines: [
    { sku: 'A-1029-XL', title: 'Rain jacket, dark green', quantity: 2, price: 1290.5 },
    { sku: 'B-88', title: 'Hiking socks', quantity: 6, price: 90 },
    { sku: 'C-12-M', title: 'Thermos bottle 750 ml', quantity: 1, price: 650 },
  ],
  shipping: { street: '12 Harbour Road', city: 'Keelung', zip: '20241', country: 'TW' },
  status: 'packed',
  tags: ['outdoor', 'repeat', 'newsletter'],
  total: 3771,
  note,
});
const english = JSON.stringify(
  order(`Leave it with the neighbour. ${'Ring twice, please. '.repeat(21)}`),
);
const chinese = JSON.stringify(order('请放在邻居家，谢谢！按两次门铃。'.repeat(9)));
const large = JSON.stringify(
  Array.from({ length: LARGE_BYTES / english.length }, () => order('x'.repeat(400))),
);

const duties: readonly (readonly [string, readonly Duty[]])[] = [
  ['mask and drop two fields', [fields('mask', '/customer/name'), fields('drop', '/shipping')]],
  ['hash one field', [fields('hash', '/customer/email')]],
  ['detectors: email', [redact('email')]],
  ['detectors: email, phone, payment-card', [redact('email', 'phone', 'payment-card')]],
  ['all detectors', [redact(...all)]],
  ['all detectors and a pattern', [redact(...all), own('PRJ-\\d{4}')]],
];
const values: readonly (readonly [string, string])[] = [
  [`${Buffer.byteLength(english)} B, English`, english],
  [`${Buffer.byteLength(chinese)} B, Chinese`, chinese],
];

console.log(
  `${'obligations'.padEnd(40)}${values.map(([name]) => name.padStart(18)).join('')}${'per MiB'.padStart(14)}`,
);
for (const [name, kinds] of duties) {
  const redactor = createRedactor(obligationsOf(kinds), {
    tagged: () => [],
    hashKey: new Uint8Array(32),
  });
  const once = (value: Buffer) => {
    if (redactor.value(value, 'application/json') === undefined) throw new Error('refused');
  };
  const small = values.map(([, text]) => leastUs(VALUES_PER_ROUND, Buffer.from(text), once));
  const mebibyte = leastUs(1, Buffer.from(large), once) / 1000;
  console.log(
    `${name.padEnd(40)}${small.map((us) => `${us.toFixed(1)} µs`.padStart(18)).join('')}${`${mebibyte.toFixed(1)} ms`.padStart(14)}`,
  );
}

/** The least of the rounds, in time of the processor: what it costs where nothing else runs. */
function leastUs(times: number, value: Buffer, once: (value: Buffer) => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    for (let time = 0; time < times; time++) once(value);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / times;
  });
  return Math.min(...rounds);
}

function obligationsOf(kinds: readonly Duty[]): Obligations {
  const list = kinds.map((kind) => create(ObligationSchema, { kind }));
  return { id: '', list, maxAgeMs: undefined, purposes: [], changesValues: true };
}

function fields(kind: 'mask' | 'hash' | 'drop', pointer: string): Duty {
  return { case: kind, value: { fields: { pointers: [pointer] } } };
}

function redact(...detectors: string[]): Duty {
  return { case: 'redact', value: { detectors } };
}

function own(expression: string): Duty {
  return { case: 'redact', value: { patterns: [{ name: 'own', expression }] } };
}
