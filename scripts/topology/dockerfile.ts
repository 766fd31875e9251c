/** One step of a Dockerfile. */
export interface Step {
  /** The instruction, such as `COPY`. */
  readonly verb: string;
  /** Its flags, such as `from` of `--from=build`. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows, with the arguments of the file filled in. */
  readonly rest: string;
}

/** One stage of a Dockerfile: from `FROM` to the next one. */
export interface Stage {
  readonly name: string;
  /** The image or the earlier stage that it begins with. */
  readonly base: string;
  readonly steps: readonly Step[];
}

/** Reads a Dockerfile as far as ours goes: no heredocs, no ONBUILD, no other escape character. */
export function parseDockerfile(text: string): Stage[] {
  const args: Record<string, string> = {};
  const stages: { name: string; base: string; steps: Step[] }[] = [];
  for (const line of logicalLines(text)) {
    const step = parseStep(line, args);
    const stage = stages.at(-1);
    if (step.verb === 'FROM') {
      const [base = '', , name = String(stages.length)] = step.rest.split(/\s+/);
      stages.push({ name, base, steps: [] });
    } else if (stage) stage.steps.push(step);
    else if (step.verb === 'ARG') Object.assign(args, parsePairs(step.rest));
    else throw new Error(`Dockerfile: ${step.verb} stands before the first FROM`);
  }
  return stages;
}

function logicalLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const joined = lines.join('\n').replaceAll(/\\\n/g, ' ');
  return joined.split('\n').filter((line) => line.trim() !== '');
}

function parseStep(line: string, args: Readonly<Record<string, string>>): Step {
  const [, verb = '', tail = ''] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? [];
  const filled = tail.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => args[name] ?? whole);
  const flags: Record<string, string> = {};
  const rest = filled.replace(/^(\s*--[a-z-]+=\S+)+/, (given) => {
    for (const [, name = '', value = ''] of given.matchAll(/--([a-z-]+)=(\S+)/g)) {
      flags[name] = value;
    }
    return '';
  });
  return { verb: verb.toUpperCase(), flags, rest: rest.trim() };
}

/** Reads `NAME=value` pairs, whose values may stand in quotes. */
export function parsePairs(text: string): Record<string, string> {
  const pairs = text.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g);
  return Object.fromEntries([...pairs].map(([, name, quoted, bare]) => [name, quoted ?? bare]));
}

/** Reads the exec form of CMD, ENTRYPOINT and HEALTHCHECK: a JSON list of words. */
export function parseExecForm(text: string): string[] {
  const form: unknown = JSON.parse(text);
  if (Array.isArray(form) && form.every((word) => typeof word === 'string')) return form;
  throw new Error(`Dockerfile: ${text} is not in exec form`);
}
