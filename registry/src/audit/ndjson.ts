import { toJson } from '@bufbuild/protobuf';
import type { FoundRecord } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';

/** A record as a line of JSON, with its place in its chain and the hash of its entry. */
export function ndjsonOf({ record, chain, position, hash }: FoundRecord): string {
  const line = {
    chain,
    position: Number(position),
    hash: Buffer.from(hash).toString('hex'),
    record: record ? toJson(CallRecordSchema, record) : {},
  };
  return `${JSON.stringify(line)}\n`;
}
