import { type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type Policy, PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { stringify } from 'yaml';
import { nameAndVersion } from '../render/policies.ts';
import { oneLine, safeText } from '../render/text.ts';
import { formatTime } from '../render/time.ts';

/** A policy as a YAML document that can be put again, with what is known of it as comments. */
export function policyText(policy: Policy): string {
  const { manifest, author, comment, createTime, etag } = policy;
  const facts = [
    nameAndVersion(policy),
    `put into force ${formatTime(createTime)} by ${oneLine(author)}`,
    comment === '' ? '' : oneLine(comment),
    `etag ${oneLine(etag)}`,
  ];
  const head = facts.filter((fact) => fact !== '').map((fact) => `# ${fact}\n`);
  const json = manifest ? (toJson(PolicyManifestSchema, manifest) as JsonObject) : {};
  const body = stringify({ kind: 'Policy', ...withShortNames(json) }, { lineWidth: 100 });
  return `${head.join('')}${safeText(body)}`;
}

/** Effects and actions as people write them. */
function withShortNames(manifest: JsonObject): JsonObject {
  const { rules } = manifest;
  if (!Array.isArray(rules)) return manifest;
  return { ...manifest, rules: rules.map((rule) => shortRule(rule)) };
}

function shortRule(rule: JsonValue): JsonValue {
  if (rule === null || typeof rule !== 'object' || Array.isArray(rule)) return rule;
  const { effect, actions } = rule;
  return {
    ...rule,
    ...(effect !== undefined && { effect: shortName(effect) }),
    ...(Array.isArray(actions) && { actions: actions.map(shortName) }),
  };
}

function shortName(value: JsonValue): JsonValue {
  return typeof value === 'string' ? value.replace(/^(?:EFFECT|ACTION)_/, '').toLowerCase() : value;
}
