import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ContextTypeManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { consumerKind, policyKind, providerKind, typeKind } from '../manifest/kinds.ts';
import { type ManifestKind, readManifest } from '../manifest/read-manifest.ts';
import { invalidSchemaFaults, promiseFaults } from '../type-rules.ts';
import type { CheckJob, ManifestFound, SentSource } from './job.ts';

// Runs in threads of its own, which are killed when a document keeps them too long.

/** Does one check. Throws the refusal of what is faulty. */
export function doJob(job: CheckJob): ManifestFound | undefined {
  switch (job.kind) {
    case 'read':
      return read(job.of, job.source);
    case 'keep':
      return keep(job.source, job.older);
    default:
      throw new Error(`no such check: ${job satisfies never}`);
  }
}

function read(of: string, source: SentSource): ManifestFound {
  switch (of) {
    case providerKind.kind:
      return readSent(providerKind, source).found;
    case consumerKind.kind:
      return readSent(consumerKind, source).found;
    case policyKind.kind:
      return readSent(policyKind, source).found;
    case typeKind.kind:
      return readType(source);
    default:
      throw new Error(`no such kind of manifest: ${of}`);
  }
}

function readType(source: SentSource): ManifestFound {
  const { found, manifest, refuse } = readSent(typeKind, source);
  const faults = invalidSchemaFaults(manifest);
  if (faults.length > 0) throw refuse(faults, Reason.INVALID_SCHEMA);
  return found;
}

function keep(source: SentSource, older: ContextTypeManifest): undefined {
  const { manifest, refuse } = readSent(typeKind, source);
  const breaks = promiseFaults(older, manifest);
  if (breaks.length > 0) throw refuse(breaks, Reason.INCOMPATIBLE);
  return undefined;
}

function readSent<Desc extends DescMessage>(kind: ManifestKind<Desc>, source: SentSource) {
  const read = readManifest<Desc>(kind, receivedOf(kind.desc, source));
  const { manifest, hash, places } = read;
  return { ...read, found: { manifest, hash, places } };
}

function receivedOf<Desc extends DescMessage>(desc: Desc, source: SentSource) {
  if (source.case === 'document') return source;
  const value: MessageShape<Desc> = fromBinary(desc, source.value);
  return { case: 'manifest' as const, value };
}
