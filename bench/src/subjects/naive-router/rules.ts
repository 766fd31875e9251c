import { type Enforcer, newEnforcer, newModelFromString } from 'casbin';
import { itemType } from '../../values.ts';

// What Casbin's guide makes of it: a role, a type and an action, lines of policy, deny overrides.
// Rules are of departments, four types each, as those of the other subjects; they have no
// conditions and oblige to nothing, which is in this subject's favour.

const model = `
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.sub == p.sub && r.act == p.act && keyMatch(r.obj, p.obj)
`;

const departmentRules = 20;
const typesOfDepartment = 4;
const denyEvery = 10;
/** The role of those who call in the bench. */
export const benchRole = 'bench';

/** Makes an enforcer with so many rules, of which one lets the bench's items be fetched. */
export async function createEnforcer(rules: number): Promise<Enforcer> {
  const enforcer = await newEnforcer(newModelFromString(model));
  const others = Array.from({ length: Math.max(0, rules - 1) }, (_, index) => ruleOf(index));
  await enforcer.addPolicies([...others, [benchRole, itemType, 'fetch', 'allow']]);
  return enforcer;
}

function ruleOf(index: number): string[] {
  const department = Math.floor(index / departmentRules);
  const place = index % departmentRules;
  const type = `D${department}X${place % typesOfDepartment}P${place}`;
  const isDeny = place % denyEvery === denyEvery - 1;
  return [`department-${department}`, `${type}*`, 'fetch', isDeny ? 'deny' : 'allow'];
}
