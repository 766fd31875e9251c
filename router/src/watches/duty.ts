import type { Clock } from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** The duty to watch one provider, from when this router has it until it has not. */
export class Duty {
  #provider: ProviderVersion;
  #untilMs: number;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #listeners = new Set<() => void>();

  /** `untilMs`: monotonic. */
  constructor(provider: ProviderVersion, untilMs: number, clock: Clock) {
    this.#provider = provider;
    this.#untilMs = untilMs;
    this.#clock = clock;
  }

  /** The version to watch now. */
  get provider(): ProviderVersion {
    return this.#provider;
  }

  /** Aborted when the duty is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** How long it lasts yet, unless it is kept; not above 0: it may be another router's. */
  leftMs(): number {
    return this.#untilMs - this.#clock.monotonicMs();
  }

  /** It lasts longer. */
  keep(untilMs: number): void {
    this.#untilMs = untilMs;
  }

  /** It is over. */
  end(): void {
    this.#over.abort();
  }

  /** What is to be watched now; listeners are called if that is another version, or elsewhere. */
  show(provider: ProviderVersion): void {
    const before = this.#provider;
    this.#provider = provider;
    if (placesOf(before) === placesOf(provider)) return;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls the listener when another version, or other endpoints, are to be watched. */
  onShown(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function placesOf({ version, manifestHash, usable }: ProviderVersion): string {
  const places = usable.map(({ id, url, registrar }) => [id, url, registrar]);
  return JSON.stringify([version, manifestHash, places]);
}
