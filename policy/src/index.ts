export { canonicalJson } from './canonical-json.ts';
export { conditionFault } from './condition/condition.ts';
export { detectorNames } from './detect/detectors.ts';
export { patternFault } from './detect/patterns.ts';
export { indexPolicies } from './engine/index-policies.ts';
export { mergeVerdicts } from './engine/merge-verdicts.ts';
export { noObligations } from './engine/obligation-sets.ts';
export type {
  ActionName,
  CallFacts,
  Cell,
  ItemFacts,
  Obligations,
  PolicyIndex,
  Subject,
  Verdict,
} from './model.ts';
export { actionName, kindName } from './names.ts';
export { REDACTED_MAX_BYTES } from './redact/limits.ts';
export type { Redacted, Redactor } from './redact/model.ts';
export { createRedactor, type RedactorOptions } from './redact/redactor.ts';
export { taggedPointers } from './redact/tagged-pointers.ts';
export type { FaultPath, RuleFault } from './rules/fault.ts';
export { ruleFaults } from './rules/rule-faults.ts';
export { createSubject, type SubjectSource } from './subject.ts';
