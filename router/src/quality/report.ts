import { create } from '@bufbuild/protobuf';
import { type QualityReport, QualityReportSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Found } from '../outcome.ts';
import { partsOf, scoreOf, shareText } from './score.ts';

/** What the quality of an item is made of, for Explain. */
export function reportOf({ entry, ageMs, record }: Found): QualityReport {
  const parts = partsOf(entry, ageMs, record);
  const { validity, freshness, completeness, judgement } = parts;
  const notes = [...entry.judged.notes];
  if (freshness < 1) {
    const pastMs = Math.round(ageMs - entry.ttlMs);
    notes.push(`freshness: ${pastMs} ms past a ttl of ${entry.ttlMs} ms`);
  }
  if (record < 1) notes.push(`record: ${shareText(1 - record)} of the recent answers failed`);
  const report = create(QualityReportSchema, { score: scoreOf(parts), freshness, record, notes });
  if (!Number.isNaN(validity)) report.validity = validity;
  if (!Number.isNaN(completeness)) report.completeness = completeness;
  if (!Number.isNaN(judgement)) report.judgement = judgement;
  return report;
}
