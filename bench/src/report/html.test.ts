import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Results, SubjectName } from '../model.ts';
import { renderHtml } from './html.ts';
import { type Made, makeResults } from './results.fixture.ts';

const hostile = '</script><img src=x onerror="globalThis.broken=1">\u2028\'' as SubjectName;
const point = { scenario: 'batch32-warm', share: 0.5, rate: 400, p50Ms: 1, errors: 0 } as const;

function someResults(): Results {
  const subjects: SubjectName[] = ['weir', 'node-http2', hostile];
  const made = subjects.flatMap((subject): Made[] => [
    { subject, callsPerSecond: [900, 1_000, 1_100] },
    { subject, plan: 'half', callsPerSecond: [500, 500, 500], p99Ms: [2, 4, 3] },
    { subject, plan: 'fixed', callsPerSecond: [500, 500, 500] },
    { name: 'single-warm', subject },
  ]);
  return makeResults(made, {
    leftOut: { [hostile]: hostile },
    sweep: subjects.flatMap((subject, index) => [
      { ...point, subject, p99Ms: 3 },
      { ...point, subject, share: 1, rate: 800 + index, p99Ms: 30 },
    ]),
  });
}

test('the report is one file: it names no address to be loaded', async () => {
  const html = await renderHtml(makeResults([{ subject: 'weir' }, { subject: 'node-http2' }]));
  const markup = html.replaceAll(/<(script|style)\b[^>]*>.*?<\/\1>/gs, '<$1></$1>');
  expect(markup).not.toMatch(/\b(?:src|href|action|srcset)\s*=\s*["']?(?!#)/i);
  expect(html).not.toMatch(/@import|url\(|\bimport\s*\(|\bfetch\(|XMLHttpRequest/);
  expect(html).toContain("default-src 'none'");
});

test('figures, goals, ratios, the machine and who was left out stand in it as text', async () => {
  const html = await renderHtml(
    makeResults([{ subject: 'weir', callsPerSecond: [1_200] }, { subject: 'node-http2' }], {
      leftOut: { nginx: 'it is not installed' },
    }),
  );
  expect(html).toContain('<td>1,200</td>');
  expect(html).toContain('1.20 (1.20 to 1.20)');
  expect(html).toContain('nginx was left out: it is not installed');
  expect(html).toContain('A processor, 2 cores, 8 GB');
  expect(html).toContain('<span class="badge held">holds</span>');
});

test('names cannot leave their place', async () => {
  const html = await renderHtml(someResults());
  expect(html).not.toContain('<img');
  const data = /<script type="application\/json" id="plots">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  expect(data).not.toMatch(/[<\u2028\u2029]/);
  expect(JSON.parse(data)[0].loads[0].percentiles.lines[2].subject).toBe(hostile);
  expect(html.match(/<\/script/gi)).toHaveLength(3);
});

const executablePath = process.env.WEIR_TEST_CHROMIUM ?? '';

// Skipped without the path of a browser (WEIR_TEST_CHROMIUM): npm cannot bring one.
describe.skipIf(executablePath === '')('in Chromium (needs its path in WEIR_TEST_CHROMIUM)', () => {
  let folder: string;
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-report-'));
    await writeFile(join(folder, 'report.html'), await renderHtml(someResults()));
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Opens the report, and collects what the browser complains of and asks the network for. */
  async function openReport(width: number): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const url = pathToFileURL(join(folder, 'report.html')).href;
    page.on('request', (asked) => asked.url() !== url && complaints.push(asked.url()));
    await page.goto(url);
    return { page, complaints };
  }

  test.each([1280, 390])('%i pixels wide, every plot is drawn and the page fits', async (width) => {
    const { page, complaints } = await openReport(width);
    const places = page.locator('[data-plot]');
    expect(await places.count()).toBe(5);
    for (const place of await places.all()) {
      expect(await place.locator('canvas').count()).toBe(1);
      expect(await place.locator('canvas').evaluate(coloursIn)).toBeGreaterThan(3);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  test('lines can be switched, and another load chosen', async () => {
    const { page, complaints } = await openReport(1280);
    const section = page.locator('#batch32-warm');
    const plot = section.locator('[data-plot="percentiles"]');
    const picture = () => plot.locator('canvas').evaluate((canvas: Canvas) => canvas.toDataURL());
    const before = await picture();
    const button = section.getByRole('button', { name: 'node-http2' });
    await button.click();
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    const without = await picture();
    expect(without).not.toBe(before);
    await button.click();
    expect(await picture()).toBe(before);
    await section.getByText('half of its own saturation').click();
    expect(await picture()).not.toBe(before);
    expect(complaints).toEqual([]);
  });
});

/** What is asked of the browser's own, whose types are not among ours. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  toDataURL(): string;
  getContext(kind: '2d'): {
    getImageData(...box: number[]): { readonly data: { readonly buffer: ArrayBuffer } };
  };
}

/** So many different colours are in it; runs in the browser. */
function coloursIn(canvas: Canvas): number {
  const context = canvas.getContext('2d');
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}
