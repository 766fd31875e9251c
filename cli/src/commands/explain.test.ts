import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ExplanationSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';
import { serveWeir } from '../../test/weir-server.ts';

const served = create(ExplanationSchema, {
  result: {
    index: 0,
    cache: CacheStatus.MISS,
    outcome: {
      case: 'item',
      value: {
        body: { case: 'payload', value: Buffer.from('secret text') },
        contentType: 'text/plain',
        provenance: { provider: 'docs', providerVersion: '0.1.0', source: 'README.md' },
      },
    },
  },
  typeVersion: '1.0.0',
  candidates: [
    {
      provider: 'docs',
      providerVersion: '0.1.0',
      typeVersion: '1.0.0',
      tried: true,
      text: 'longest key prefix',
      healthyEndpoints: 1,
      knownEndpoints: 2,
    },
  ],
  steps: [
    { stage: 'plan', text: 'routed to docs@0.1.0', at: { nanos: 100_000 } },
    { stage: 'gather', text: 'fetched from docs', at: durationFromMs(4) },
  ],
  quality: {
    score: 0.6,
    validity: 0.8,
    freshness: 1,
    record: 0.75,
    notes: ['/title: must be\nstring'],
  },
});

const refused = create(ExplanationSchema, {
  result: {
    index: 1,
    outcome: {
      case: 'refusal',
      value: {
        code: Code.NotFound,
        reason: Reason.VERSION_NOT_OFFERED,
        text: 'no provider offers DocChunk ^9',
        offeredVersions: ['1.1.0', '1.0.0'],
      },
    },
  },
  steps: [{ stage: 'plan', text: 'no version fits', reason: Reason.VERSION_NOT_OFFERED }],
});

test('weir explain says why each ref was answered as it was', async () => {
  await using server = await serveWeir({
    router: {
      explain: () => ({
        explanations: [served, refused],
        snapshot: { epoch: 'e1', revision: 12n, age: durationFromMs(1_200) },
        stages: [
          { stage: 'plan', duration: { nanos: 200_000 } },
          { stage: 'gather', duration: durationFromMs(4) },
        ],
      }),
    },
  });
  const args = ['explain', 'DocChunk/README.md', 'DocChunk@^9/README.md', '--url', server.url];
  const ran = await runWeir(args);
  expect(ran.code).toBe(1);
  expect(ran.out).toBe(`ok DocChunk/README.md
  docs@0.1.0 · README.md · fetched · age 0 ms · text/plain
  type version  DocChunk 1.0.0
  candidates
    PROVIDER    OFFERS  TRIED  ENDPOINTS  WHY
    docs@0.1.0  1.0.0   yes    1 of 2 up  longest key prefix
  steps
        AT  STAGE   WHAT
    0.1 ms  plan    routed to docs@0.1.0
      4 ms  gather  fetched from docs
  quality
    0.6 = validity 0.8 × freshness 1 × record 0.75
    /title: must be string

refused DocChunk@^9/README.md
  VERSION_NOT_OFFERED: no provider offers DocChunk ^9
  On offer: 1.1.0, 1.0.0.
  type version  none
  candidates
    none
  steps
      AT  STAGE  WHAT             REASON
    0 ms  plan   no version fits  VERSION_NOT_OFFERED

Stages: plan 0.2 ms, gather 4 ms.
Snapshot: revision 12 of e1, confirmed 1.2 s ago.
`);
  const json = JSON.parse((await runWeir([...args, '--json'])).out);
  expect(json.explanations[1].result.refusal.offeredVersions).toEqual(['1.1.0', '1.0.0']);
  expect(json.snapshot).toMatchObject({ revision: '12', age: '1.200s' });
});
