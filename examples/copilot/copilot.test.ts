import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a page that was saved is in the prompt, without what the policy hides', async () => {
  const demo = join(import.meta.dirname, 'demo.ts');
  const { PATH, HOME } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [demo], { env: { PATH, HOME } });
  const heard = stdout
    .split('\n')
    .filter((line) => line.startsWith('copilot '))
    .map((line) => line.slice('copilot'.length).trim());
  const after = (heading: string) => JSON.parse(heard[heard.indexOf(heading) + 1] ?? '');

  expect(after('# The page')).toMatchObject({ id: 'sales/orders', updatedBy: 'ada' });
  expect(after('# Its data model')).toMatchObject({ kind: 'table', name: 'orders' });
  const { roles, email, attributes } = after('# Who saved it');
  expect(roles).toEqual(['analyst', 'approver']);
  expect([email, attributes]).toEqual(['***', { project: 'apollo' }]);

  expect(heard.filter((line) => line.startsWith('page.updated'))).toEqual([
    expect.stringMatching(/^page\.updated of sales\/orders, \d+ ms old$/),
  ]);
  // The page of the people department was saved before, and the copilot knows nothing of it.
  expect(stdout).toContain('ada saved hr/salaries');
  expect(heard.join('\n')).not.toMatch(/salaries|salary|91.?000|example\.com/);
}, 300_000);
