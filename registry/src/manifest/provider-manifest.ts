import { durationMs } from '@bufbuild/protobuf/wkt';
import { keyFault, parseName, parseTopic, parseTypeName, parseVersion } from '@weir/kit';
import { SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  CacheScope,
  CacheScopeSchema,
  type ContextOffer,
  type EndpointSpec,
  type ProviderManifest,
  type TopicOffer,
  VisibilitySchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type Checker,
  createChecker,
  LINE_CHARS_MAX,
  PROSE_CHARS_MAX,
  repeatsIn,
} from './check.ts';
import { checkQuality } from './cleaners.ts';
import type { Fault, Path } from './fault.ts';
import { checkLimits } from './limits.ts';
import { checkOperations, checkTemplates } from './operations.ts';

const CONTEXTS_MAX = 256;
const ENDPOINTS_MAX = 64;
const ATTRIBUTES_MAX = 32;
const VERSION_WEIGHT_MAX = 1000;
const PRIORITY_MAX = 1000;
const TIMEOUT_MAX_MS = 60_000;
const TTL_MAX_MS = 365 * 24 * 3_600_000;
const NEGATIVE_TTL_MAX_MS = 300_000;
const URL_CHARS_MAX = 2048;
const CONCURRENT_CALLS_MAX = 1000;
const CALLS_PER_SECOND_MAX = 100_000;
const RESPONSE_BYTES_MIN = 4 * 1024;
const RESPONSE_BYTES_MAX = 1024 ** 3;
const HEDGE_AFTER_MIN_MS = 10;
const PROVIDER_TOPICS_MAX = 64;

/** All that is wrong with what a provider declares, as far as it can be told from itself. */
export function providerFaults(manifest: ProviderManifest): Fault[] {
  const check = createChecker();
  check.parsed(['name'], (field) => parseName(field, manifest.name));
  check.parsed(['version'], (field) => parseVersion(field, manifest.version));
  check.line(['title'], manifest.title, LINE_CHARS_MAX);
  check.prose(['description'], manifest.description, PROSE_CHARS_MAX);
  check.tags(['tags'], manifest.tags);
  check.line(['category'], manifest.category, LINE_CHARS_MAX);
  check.line(['owner'], manifest.owner, LINE_CHARS_MAX);
  check.known(['visibility'], VisibilitySchema, manifest.visibility);
  if (manifest.contexts.length + manifest.operations.length === 0) {
    check.fault(['contexts'], 'offer at least one type, or an operation');
  }
  check.count(['contexts'], manifest.contexts.length, CONTEXTS_MAX);
  manifest.contexts.forEach((offer, i) => {
    checkOffer(check, manifest, offer, ['contexts', i]);
  });
  check.count(['endpoints'], manifest.endpoints.length, ENDPOINTS_MAX);
  manifest.endpoints.forEach((endpoint, i) => {
    checkEndpoint(check, endpoint, ['endpoints', i]);
  });
  check.count(['topics'], manifest.topics.length, PROVIDER_TOPICS_MAX);
  manifest.topics.forEach((topic, i) => {
    checkTopic(check, topic, ['topics', i]);
  });
  checkOperations(check, manifest.operations);
  checkTwice(check, manifest);
  if ((manifest.weight ?? 0) > VERSION_WEIGHT_MAX) {
    check.fault(['weight'], `has to be 0 to ${VERSION_WEIGHT_MAX}`);
  }
  if (Math.abs(manifest.priority) > PRIORITY_MAX) {
    check.fault(['priority'], `has to be -${PRIORITY_MAX} to ${PRIORITY_MAX}`);
  }
  check.duration(['timeout'], manifest.timeout, TIMEOUT_MAX_MS);
  check.count(['principalAttributes'], manifest.principalAttributes.length, ATTRIBUTES_MAX);
  manifest.principalAttributes.forEach((name, i) => {
    check.line(['principalAttributes', i], name, LINE_CHARS_MAX);
    if (!name) check.fault(['principalAttributes', i], 'the name is empty; leave it out');
  });
  checkBearer(check, manifest.authentication?.bearer ?? '');
  checkUse(check, manifest);
  checkLimits(check, manifest.rates, ['rates']);
  return check.faults;
}

function checkUse(check: Checker, { limits, hedgeAfter }: ProviderManifest): void {
  const within = (field: string, value: number | bigint | undefined, min: number, max: number) => {
    if (value !== undefined && (value < min || value > max)) {
      check.fault(['limits', field], `has to be ${min} to ${max}`);
    }
  };
  within('concurrentCalls', limits?.concurrentCalls, 1, CONCURRENT_CALLS_MAX);
  within('callsPerSecond', limits?.callsPerSecond, 1, CALLS_PER_SECOND_MAX);
  within('responseBytes', limits?.responseBytes, RESPONSE_BYTES_MIN, RESPONSE_BYTES_MAX);
  check.duration(['hedgeAfter'], hedgeAfter, TIMEOUT_MAX_MS);
  if (hedgeAfter && durationMs(hedgeAfter) < HEDGE_AFTER_MIN_MS) {
    check.fault(['hedgeAfter'], `has to be ${HEDGE_AFTER_MIN_MS} ms or more; absent: never`);
  }
}

/** All that is wrong with an address. */
export function endpointFaults(endpoint: EndpointSpec): Fault[] {
  const check = createChecker();
  checkEndpoint(check, endpoint, []);
  return check.faults;
}

function checkOffer(
  check: Checker,
  manifest: ProviderManifest,
  offer: ContextOffer,
  path: Path,
): void {
  check.parsed([...path, 'type'], (field) => parseTypeName(field, offer.type));
  check.parsed([...path, 'version'], (field) => parseVersion(field, offer.version));
  const prefixFault = offer.keyPrefix ? keyFault(offer.keyPrefix) : undefined;
  if (prefixFault) check.fault([...path, 'keyPrefix'], prefixFault);
  check.known([...path, 'scope'], CacheScopeSchema, offer.scope);
  check.known([...path, 'sensitivity'], SensitivitySchema, offer.sensitivity);
  check.duration([...path, 'ttl'], offer.ttl, TTL_MAX_MS);
  check.duration([...path, 'staleWhileRevalidate'], offer.staleWhileRevalidate, TTL_MAX_MS);
  check.duration([...path, 'negativeTtl'], offer.negativeTtl, NEGATIVE_TTL_MAX_MS);
  checkQuality(check, offer, path);
  checkTemplates(check, offer.keyTemplates, [...path, 'keyTemplates']);
  const told = manifest.wantsPrincipal || manifest.principalAttributes.length > 0;
  if (told && offer.scope === CacheScope.TENANT) {
    check.fault(
      [...path, 'scope'],
      'a provider that is told of the principal may give each another value; use principal or none',
    );
  }
}

function checkTopic(check: Checker, offer: TopicOffer, path: Path): void {
  check.parsed([...path, 'topic'], (field) => parseTopic(field, offer.topic));
  check.line([...path, 'title'], offer.title, LINE_CHARS_MAX);
  check.prose([...path, 'description'], offer.description, PROSE_CHARS_MAX);
  if (!offer.type && !offer.version) return;
  check.parsed([...path, 'type'], (field) => parseTypeName(field, offer.type));
  check.parsed([...path, 'version'], (field) => parseVersion(field, offer.version));
}

function checkEndpoint(check: Checker, endpoint: EndpointSpec, path: Path): void {
  const text = urlFault(endpoint.url);
  if (text) check.fault([...path, 'url'], text);
  const { weight } = endpoint;
  if (weight !== undefined && (weight < 1 || weight > 1000)) {
    check.fault([...path, 'weight'], 'has to be 1 to 1000');
  }
}

function urlFault(text: string): string | undefined {
  const mend = 'write it as http://host:port or https://host:port';
  if (text.length > URL_CHARS_MAX) return `longer than ${URL_CHARS_MAX} characters`;
  const url = URL.parse(text);
  if (!url || !/^https?:\/\//i.test(text) || !url.hostname) return `not an address; ${mend}`;
  if (url.username || url.password) return `holds user info, which would become known; ${mend}`;
  // URL drops a port that is the scheme's own, so it has to be looked for in the text.
  if (!/^https?:\/\/[^/?#]*:\d+(?:[/?#]|$)/i.test(text)) return `names no port; ${mend}`;
  if (url.port === '0') return `port 0 is no port; ${mend}`;
  if (url.search || url.hash || url.pathname !== '/') {
    return `holds more than host and port; ${mend}`;
  }
  // What a URL lets pass or mends by itself, others may read otherwise.
  if (/[\s\p{Cc}\\?#]/u.test(text)) return `holds a character that has no place there; ${mend}`;
  return undefined;
}

function checkTwice(check: Checker, manifest: ProviderManifest): void {
  const offers = manifest.contexts.map(
    (offer) => `${offer.type}@${offer.version}/${offer.keyPrefix}`,
  );
  for (const i of repeatsIn(offers)) {
    check.fault(['contexts', i], 'the same type, version and key prefix stand above; keep one');
  }
  for (const i of repeatsIn(manifest.topics.map(({ topic }) => topic))) {
    check.fault(['topics', i, 'topic'], 'stands above; keep one');
  }
  const urls = manifest.endpoints.map((endpoint) => endpoint.url);
  for (const i of repeatsIn(urls)) {
    check.fault(['endpoints', i, 'url'], 'stands above; keep one');
  }
}

function checkBearer(check: Checker, bearer: string): void {
  if (!bearer || /^secret:\/\/[a-z0-9][a-z0-9._/-]{0,126}$/.test(bearer)) return;
  check.fault(
    ['authentication', 'bearer'],
    'has to be a reference such as secret://docs-token; never write the secret itself here',
  );
}
