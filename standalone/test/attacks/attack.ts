import { test } from 'vitest';
import type { RowName } from './rows.ts';

type Attempt = () => void | Promise<void>;

/** One attack of a row: its test has the row's name before its own. */
export function attack(row: RowName, says: string, attempt: Attempt, timeoutMs?: number): void {
  test(`${row}: ${says}`, attempt, timeoutMs);
}

/** One attack of a row in several forms, each under its own name. */
export function attacks<T>(
  row: RowName,
  forms: Readonly<Record<string, T>>,
  attempt: (form: T, says: string) => void | Promise<void>,
): void {
  for (const [says, form] of Object.entries(forms)) {
    test(`${row}: ${says}`, () => attempt(form, says));
  }
}
