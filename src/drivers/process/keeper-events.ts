import { type Clock, toIso } from '../../base/clock.ts';
import type { ChildStatus, KeeperEvent } from './protocol.ts';

/** Events that a reader who was away can still get. */
const EVENTS_KEPT_MAX = 10_000;

/** What happened to children, in order, for readers now and readers that come back. */
export class KeeperEvents {
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: KeeperEvent) => void>();
  #kept: KeeperEvent[] = [];
  #sequence: number;

  /** `sequence` is a number that no event had yet; numbers only grow, also from one keeper to the next. */
  constructor(clock: Clock, sequence: number) {
    this.#clock = clock;
    this.#sequence = sequence;
  }

  get sequence(): number {
    return this.#sequence;
  }

  emit(type: KeeperEvent['type'], child: ChildStatus): void {
    this.#sequence += 1;
    const event: KeeperEvent = { sequence: this.#sequence, at: toIso(this.#clock.now()), type, child };
    this.#kept.push(event);
    // Dropped in bulk, so that an event costs the same however many are kept.
    if (this.#kept.length > EVENTS_KEPT_MAX * 1.1) this.#kept = this.#kept.slice(-EVENTS_KEPT_MAX);
    for (const listener of this.#listeners) listener(event);
  }

  /**
   * Calls `listener` for each kept event after the number, then for each new one. A number from the future means that
   * the keeper lost its record; then everything kept is told. Returns the way to stop.
   */
  follow(after: number, listener: (event: KeeperEvent) => void): () => void {
    const from = after > this.#sequence ? -1 : after;
    for (const event of this.#kept) if (event.sequence > from) listener(event);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
