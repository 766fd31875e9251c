import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { cpuUse, machineSeconds, processTime, readCpu, residentMb } from './cpu.ts';

test('time of the machine is that of users, the system and what was stolen', () => {
  const stat = 'cpu  100 10 200 9999 50 7 8 90 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n';
  expect(machineSeconds(stat)).toBe(4);
});

test('a process may be called anything', () => {
  const name = 'a) S 1 (b';
  const stat = `42 (${name}) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 20 30 20 0 8 0 100 0 0`;
  expect(processTime(stat)).toEqual({ parent: 7, seconds: 2.5 });
  expect(processTime('')).toBeUndefined();
});

test('what others take is what remains of the machine', () => {
  const before = { atMs: 1_000, machineSeconds: 10, ownSeconds: 5, subjectSeconds: 2 };
  const after = { atMs: 3_000, machineSeconds: 13, ownSeconds: 7.6, subjectSeconds: 3.5 };
  const { subjectSeconds, foreignShare } = cpuUse(before, after);
  expect(subjectSeconds).toBe(1.5);
  expect(foreignShare).toBeCloseTo(0.2);
  expect(cpuUse(before, { ...after, ownSeconds: 9 }).foreignShare).toBe(0);
});

test('a process that was started is our own, and its time and memory are told', async () => {
  const work = 'for (const end = performance.now() + 300; performance.now() < end; );';
  const script = `${work} console.log('done'); setTimeout(() => {}, 60_000)`;
  const before = readCpu([]);
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  try {
    const pids = [child.pid as number];
    await once(child.stdout, 'data');
    const after = readCpu(pids);
    expect(after.subjectSeconds).toBeGreaterThan(0.05);
    expect(after.ownSeconds - before.ownSeconds).toBeGreaterThanOrEqual(after.subjectSeconds - 0.1);
    expect(residentMb(pids)).toBeGreaterThan(10);
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
  expect(residentMb([child.pid as number])).toBe(0);
});
