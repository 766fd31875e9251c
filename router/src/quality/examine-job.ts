import { LRUCache } from 'lru-cache';
import { compileQuestions, type Examine, type Findings, type Questions } from './examine.ts';
import { compileSchema } from './schema-check.ts';

// What the worker threads of the examiner run.

/** What a thread is given. */
export interface ExamineJob {
  readonly questions: Questions;
  readonly payload: Uint8Array;
}

const COMPILED_MAX = 100;
const compiled = new LRUCache<string, Examine>({ max: COMPILED_MAX });

/** Examines one payload. */
export function doJob({ questions, payload }: ExamineJob): Findings {
  let examine = compiled.get(questions.id);
  if (!examine) {
    examine = compile(questions);
    compiled.set(questions.id, examine);
  }
  return examine(payload);
}

function compile(questions: Questions): Examine {
  if (questions.schema === undefined) return compileQuestions(questions);
  try {
    return compileQuestions(questions, { check: compileSchema(questions.schema) });
  } catch (error) {
    const examine = compileQuestions(questions);
    const unchecked = `the schema cannot be compiled: ${(error as Error).message}`;
    return (payload) => ({ ...examine(payload), unchecked });
  }
}
