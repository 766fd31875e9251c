import type { Worker } from 'node:worker_threads';

const LOOK_EVERY_MS = 20;

/**
 * Watches the heap of a thread and tells once when it has grown over a limit. The limit of V8
 * itself comes too late: a thread that passes it in one step, as when a large map doubles, ends
 * the whole process.
 */
export function watchHeap(thread: Worker, maxBytes: number, onOver: () => void): Disposable {
  let isLooking = false;
  const looks = setInterval(() => void look(), LOOK_EVERY_MS);
  let isOver = false;
  const stop = () => {
    isOver = true;
    clearInterval(looks);
  };

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      const { used_heap_size: used } = await thread.getHeapStatistics();
      if (used <= maxBytes || isOver) return;
      stop();
      onOver();
    } catch {
      stop(); // The thread has ended.
    } finally {
      isLooking = false;
    }
  }

  return { [Symbol.dispose]: stop };
}
