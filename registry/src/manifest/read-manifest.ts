import { type DescMessage, fromJson, type MessageShape } from '@bufbuild/protobuf';
import { type FieldViolation, refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { hashOf } from './canonical.ts';
import { type DocumentLimits, readDocument } from './document.ts';
import { type Fault, type Path, type Position, pathText, placeOf } from './fault.ts';
import { type Shaped, shapeDocument } from './shape.ts';

const FAULTS_MAX = 100; // that an answer names
const LINES_MAX = 10; // that its text names
const LINE_BYTES_MAX = 2 ** 20; // more than a document has

/** What can be registered: how it is called in documents, and what may be wrong with it. */
export interface ManifestKind<Desc extends DescMessage> {
  readonly desc: Desc;
  readonly kind: string;
  /** Why a faulty one is refused (INVALID_MANIFEST). */
  readonly reason?: Reason;
  /** How large a document may be. */
  readonly limits?: DocumentLimits;
  /** How many times as long as that of others its check may take (1). */
  readonly effort?: number;
  faults(manifest: MessageShape<Desc>): readonly Fault[];
}

/** The source of a manifest, as requests carry it. */
export type ManifestSource<Message> =
  | { case: 'manifest'; value: Message }
  | { case: 'document'; value: string }
  | { case: undefined; value?: undefined };

/** A manifest without faults of its own. */
export interface ReadManifest<Message> {
  readonly manifest: Message;
  readonly hash: string;
  /** Where its fields stand in the document; empty for what came as a message. */
  readonly places: ReadonlyMap<string, Position>;
  /** Makes a refusal of faults found later, with their places in the document. */
  refuse(faults: readonly Fault[], reason?: Reason): WeirError;
}

/** Reads a manifest from a message or a document. Throws the kind's reason naming all faults. */
export function readManifest<Desc extends DescMessage>(
  kind: ManifestKind<Desc>,
  source: ManifestSource<MessageShape<Desc>>,
): ReadManifest<MessageShape<Desc>> {
  switch (source.case) {
    case 'manifest':
      return judged(kind, source.value, nowhere);
    case 'document':
      return readText(kind, source.value);
    default:
      throw refuse(Reason.MALFORMED_REQUEST, 'send a manifest or a document');
  }
}

function readText<Desc extends DescMessage>(
  kind: ManifestKind<Desc>,
  text: string,
): ReadManifest<MessageShape<Desc>> {
  const { root, faults } = readDocument(text, kind.limits);
  if (!root) {
    const places = new Map(faults.map((fault) => [fault as Fault, fault.at]));
    throw refusal(reasonOf(kind), faults, (fault) => places.get(fault));
  }
  const shaped = shapeDocument(kind.desc, root, kind.kind);
  const manifest = fromJson(kind.desc, shaped.json);
  if (shaped.faults.length === 0) return judged(kind, manifest, shaped);
  const others = kind
    .faults(manifest)
    .filter(({ path }) => !shaped.faults.some((fault) => overlaps(fault.path, path)));
  throw refusal(reasonOf(kind), [...shaped.faults, ...others], placing(shaped));
}

/** Whether a fault at one path may be the cause of a fault at the other. */
function overlaps(cause: Path, path: Path): boolean {
  return cause.every((step, i) => i >= path.length || step === path[i]);
}

/** Why a faulty manifest of a kind is refused. */
export function reasonOf({
  reason = Reason.INVALID_MANIFEST,
}: Pick<ManifestKind<DescMessage>, 'reason'>): Reason {
  return reason;
}

type Places = Pick<Shaped, 'places' | 'placesWithin' | 'insides'>;

const nowhere: Places = { places: new Map(), placesWithin: new Map(), insides: new Map() };

function judged<Desc extends DescMessage>(
  kind: ManifestKind<Desc>,
  manifest: MessageShape<Desc>,
  where: Places,
): ReadManifest<MessageShape<Desc>> {
  const faults = kind.faults(manifest);
  if (faults.length > 0) throw refusal(reasonOf(kind), faults, placing(where));
  return {
    manifest,
    hash: hashOf(kind.desc, manifest),
    places: where.places,
    refuse: (later, reason = reasonOf(kind)) => refusal(reason, later, placing(where)),
  };
}

/** Makes refusals of faults in fields whose places are known. */
export function refusalOf(places: Places['places']): ReadManifest<unknown>['refuse'] {
  const place = placing({ ...nowhere, places });
  return (faults, reason = Reason.INVALID_MANIFEST) => refusal(reason, faults, place);
}

function placing({
  places,
  placesWithin,
  insides,
}: Places): (fault: Fault) => Position | undefined {
  return ({ path, offset }) => {
    const inside = offset === undefined ? undefined : insides.get(pathText(path));
    return inside?.(offset ?? 0) ?? placeOf(path, placesWithin, places);
  };
}

function refusal(
  reason: Reason,
  faults: readonly Fault[],
  place: (fault: Fault) => Position | undefined,
): WeirError {
  const placed = faults.map((fault) => ({ ...fault, at: place(fault) }));
  placed.sort((a, b) => order(a.at) - order(b.at));
  const violations = placed.slice(0, FAULTS_MAX).map(({ path, text, at, offset }) => ({
    field: fieldText(path, at),
    description: at || offset === undefined ? text : `at character ${offset + 1}: ${text}`,
  }));
  return refuseViolations(reason, violations, faults.length);
}

/** A refusal that names violations; `count` when there are more than those. */
export function refuseViolations(
  reason: Reason,
  violations: readonly FieldViolation[],
  count = violations.length,
): WeirError {
  const lines = violations.map(({ field, description }) => `${field}: ${description}`);
  const more = lines.length > LINES_MAX ? `\nand ${count - LINES_MAX} more` : '';
  return refuse(reason, lines.slice(0, LINES_MAX).join('\n') + more, { violations });
}

function order(at: Position | undefined): number {
  return at ? at.line * LINE_BYTES_MAX + at.column : 0;
}

/** Line, column and path, such as "12:5 contexts[0].ttl"; from a message only the path. */
function fieldText(path: Path, at: Position | undefined): string {
  const text = pathText(path);
  if (!at) return text || 'manifest';
  return `${at.line}:${at.column}${text ? ` ${text}` : ''}`;
}
