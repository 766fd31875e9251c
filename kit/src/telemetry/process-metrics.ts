import { readdir, readFile } from 'node:fs/promises';
import { type Meter, type ObservableResult, ValueType } from '@opentelemetry/api';

const microsPerSecond = 1e6;

/** Observes the process as a whole, by the names that Prometheus has for it. */
export function observeProcess(meter: Meter): void {
  gauge(meter, 'process_resident_memory_bytes', 'Memory of the process.', (result) =>
    result.observe(process.memoryUsage.rss()),
  );
  gauge(meter, 'process_start_time_seconds', 'When it started, since 1970.', (result) =>
    result.observe(Math.round(performance.timeOrigin / 1000)),
  );
  gauge(meter, 'process_open_fds', 'Open file descriptors.', async (result) => {
    const open = await countDescriptors();
    if (open !== undefined) result.observe(open);
  });
  gauge(meter, 'process_max_fds', 'How many it may open.', async (result) => {
    const most = await maxDescriptors();
    if (most !== undefined) result.observe(most);
  });
  meter
    .createObservableCounter('process_cpu_seconds', { description: 'Time of the processor.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / microsPerSecond);
    });
}

function gauge(
  meter: Meter,
  name: string,
  description: string,
  look: (result: ObservableResult) => void | Promise<void>,
): void {
  meter.createObservableGauge(name, { description, valueType: ValueType.INT }).addCallback(look);
}

/** Undefined where there is no /proc. */
async function countDescriptors(): Promise<number | undefined> {
  const open = await readdir('/proc/self/fd').catch(() => undefined);
  return open?.length;
}

async function maxDescriptors(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
