import { statfs } from 'node:fs/promises';
import type { Meter } from '@opentelemetry/api';

/** Observes the disk under a directory: how large it is, and what is free for this process. */
export function observeDisk(meter: Meter, directory: string): void {
  const free = meter.createObservableGauge('weir_disk_free_bytes', {
    description: 'What is free on the disk of the data directory.',
  });
  const size = meter.createObservableGauge('weir_disk_size_bytes', {
    description: 'The size of the disk of the data directory.',
  });
  meter.addBatchObservableCallback(
    async (result) => {
      const disk = await statfs(directory).catch(() => undefined);
      if (disk === undefined) return;
      result.observe(free, disk.bavail * disk.bsize);
      result.observe(size, disk.blocks * disk.bsize);
    },
    [free, size],
  );
}
