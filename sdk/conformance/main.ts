import { parseArgs } from 'node:util';
import { examine, languages } from './language.ts';
import { readScenarios } from './scenario.ts';

// Plays the scenarios with the SDKs, one language after the other; see README.md.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // Only scenarios whose names hold this.
    only: { type: 'string', default: '' },
    // What fails is tried once more, and told when that passes: other machines' load is not ours.
    retry: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const known = languages();
const wrong = positionals.find((each) => !known.includes(each));
if (wrong !== undefined) {
  process.stderr.write(`there is no SDK for ${wrong}; give some of ${known.join(', ')}\n`);
  process.exit(2);
}
const scenarios = readScenarios().filter(({ name }) => name.includes(values.only));
const options = {
  tries: values.retry ? 2 : 1,
  tell: (text: string): void => {
    if (values.verbose) process.stderr.write(`${text}\n`);
  },
};
for (const language of positionals.length > 0 ? positionals : known) {
  const { passed, failures, missing } = await examine(language, scenarios, options);
  for (const failure of failures) process.stderr.write(`${language}: ${failure}\n`);
  const line = missing ? `not run: ${missing}` : `${passed} passed, ${failures.length} failed`;
  process.stdout.write(`${language}: ${line}\n`);
  if (failures.length > 0 || missing !== undefined) process.exitCode = 1;
}
