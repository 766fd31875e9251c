import { expect, it } from 'vitest';
import { createMetrics } from '../metrics.ts';
import { createBoundedNames } from './bounded-names.ts';
import { joinExpositions } from './exposition.ts';
import { createTally } from './tally.ts';

it('joins expositions so that each metric stands together', () => {
  const one =
    '# HELP a A.\n# TYPE a gauge\na{s="1"} 1\n# HELP b B.\n# TYPE b counter\nb{s="1"} 2\n';
  const other = '# HELP b Other.\n# TYPE b counter\nb{s="2"} 3\n# TYPE c gauge\nc{s="2"} 4\n';
  expect(joinExpositions([one, other, ''])).toBe(
    [
      ...['# HELP a A.', '# TYPE a gauge', 'a{s="1"} 1'],
      ...['# HELP b B.', '# TYPE b counter', 'b{s="1"} 2', 'b{s="2"} 3'],
      ...['# TYPE c gauge', 'c{s="2"} 4', ''],
    ].join('\n'),
  );
});

it('tells so many names apart, and calls the others other', () => {
  const bound = createBoundedNames(2);
  expect(['a', 'b', 'c', 'a', 'd', 'b'].map(bound)).toEqual(['a', 'b', 'other', 'a', 'other', 'b']);
});

it('tallies: shows some series at once, the others when they are counted', async () => {
  const metrics = createMetrics('test');
  const count = createTally<string>(metrics.meter, {
    name: 'fruit',
    description: 'Fruit.',
    labels: (kind) => ({ kind }),
    shown: ['apple'],
  });
  const shown = async () =>
    (await metrics.text()).split('\n').filter((line) => line.startsWith('fruit_total'));
  expect(await shown()).toEqual(['fruit_total{kind="apple",service="test"} 0']);
  count('pear', 2);
  count('pear');
  expect(await shown()).toContain('fruit_total{kind="pear",service="test"} 3');
  await metrics.shutdown();
});
