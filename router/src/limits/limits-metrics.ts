import type { Metrics } from '@weir/kit';
import type { LimitName, SubjectKind } from './subjects.ts';

/** Counts what limits do. */
export interface LimitsObserver {
  refused(of: SubjectKind, limit: LimitName): void;
  settled(ok: boolean): void;
}

/** What is looked at when metrics are read. */
export interface LimitsState {
  insured(): boolean;
  subjects(): number;
}

/** Shows the limits in the metrics. */
export function observeLimits(metrics: Metrics | undefined, state: LimitsState): LimitsObserver {
  if (!metrics) return { refused() {}, settled() {} };
  const { meter } = metrics;
  const refused = meter.createCounter('weir_limits_refused', {
    description: 'Calls, and items of providers, refused by a limit, by whose it is.',
  });
  for (const whose of ['tenant', 'principal', 'consumer', 'provider']) {
    refused.add(0, { of: whose, limit: 'items_per_second' });
  }
  const settled = meter.createCounter('weir_limits_settlements', {
    description: 'Settlements of limits with the pool that routers share, by how they ended.',
  });
  for (const result of ['ok', 'failed']) settled.add(0, { result });
  meter
    .createObservableGauge('weir_limits_insured', {
      description: '1 while this router goes by a share of the limits, for want of the pool.',
    })
    .addCallback((result) => result.observe(state.insured() ? 1 : 0));
  meter
    .createObservableGauge('weir_limits_subjects', {
      description: 'Tenants, principals, consumers and providers whose limits are in use.',
    })
    .addCallback((result) => result.observe(state.subjects()));
  return {
    refused: (of, limit) => refused.add(1, { of, limit }),
    settled: (ok) => settled.add(1, { result: ok ? 'ok' : 'failed' }),
  };
}
