import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import {
  type certificateUses,
  checkTls,
  readTlsFiles,
  type TlsFiles,
  type TlsMaterial,
  type TlsTexts,
} from './tls-files.ts';

/** How often the files are looked at; what changed is in force within twice this. */
const lookMs = 1_000;

/** What TLS is made of, as it lies on disk now. */
export interface LiveTls extends Disposable {
  /** What is in force. */
  readonly current: TlsMaterial;
  /** Calls the listener after each change. */
  onChange(listener: (current: TlsMaterial, before: TlsMaterial) => void): void;
}

/** What opening needs. */
export interface LiveTlsOptions {
  readonly files: TlsFiles;
  /** Which side of TLS it is for. */
  readonly use: keyof typeof certificateUses;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/**
 * Opens the files of one side of TLS, and follows them: all are read and checked, then they are in
 * force together. What cannot be used changes nothing and is told in the log. Rejects with
 * SettingsError when they cannot be used at the start.
 */
export async function openLiveTls(options: LiveTlsOptions): Promise<LiveTls> {
  const { files, use, clock, log } = options;
  const check = (texts: TlsTexts) => checkTls(texts, files, { use, nowMs: clock.wallMs() });
  let current = check(await readTlsFiles(files));
  const reloads = countReloads(options, () => current);
  const listeners = new Set<(current: TlsMaterial, before: TlsMaterial) => void>();
  let refused = '';
  const look = async () => {
    try {
      const texts = await readTlsFiles(files);
      if (isSame(texts, current)) return;
      const before = current;
      current = check(texts);
      for (const listener of listeners) listener(current, before);
      refused = '';
      reloads('ok');
      log.info(
        { file: files.cert.path, notAfter: new Date(current.notAfterMs) },
        'new certificate',
      );
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // Once for each fault: files that are being written are broken for a moment.
      if (text === refused) return;
      refused = text;
      reloads('refused');
      log.error({ fault: text }, 'a new certificate cannot be used; the one before stays in force');
    }
  };
  const timer = repeat(look);
  return {
    get current() {
      return current;
    },
    onChange: (listener) => void listeners.add(listener),
    [Symbol.dispose]: timer,
  };
}

/** Runs the work again and again, never twice at once; returns what ends that. */
function repeat(work: () => Promise<void>): () => void {
  let ended = false;
  let timer: NodeJS.Timeout;
  const plan = () => {
    timer = setTimeout(() => void work().then(() => ended || plan()), lookMs).unref();
  };
  plan();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

function isSame(a: TlsTexts, b: TlsTexts): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}

function countReloads({ metrics, use }: LiveTlsOptions, current: () => TlsMaterial) {
  if (!metrics) return () => {};
  metrics.meter
    .createObservableGauge(`weir_tls_${use}_certificate_expiry_seconds`, {
      description: 'When the certificate in force expires, in seconds since 1970.',
    })
    .addCallback((result) => result.observe(Math.floor(current().notAfterMs / 1000)));
  const reloads = metrics.meter.createCounter(`weir_tls_${use}_reloads`, {
    description: 'New certificates found on disk, by what became of them.',
  });
  const count = (result: 'ok' | 'refused', by = 1) => reloads.add(by, { result });
  count('ok', 0);
  count('refused', 0);
  return count;
}
