import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { type LetterSlot, letterSlot } from '../vault/letter-box.ts';
import type { NewEvent } from './entry.ts';

/** The address changes with each epoch of keys; letters to the one before are opened for one more. */
const LOOK_MS = 60_000;
const LOOK_SOON_MS = 500;

/** Makes events such as may lie on a disk: their personal data are for the vault alone. */
export class LetterWriter {
  readonly #file: string;
  readonly #clock: Clock;
  #address = '';
  #slot: LetterSlot | undefined;
  #nextLookMs = 0;

  /** `file` is the address of the vault's letter box. */
  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Whether there is a letter box. */
  get isReady(): boolean {
    this.#look();
    return this.#slot !== undefined;
  }

  /** The event with its personal data in a letter; without them as long as there is no letter box. */
  enclose({ personal, ...event }: NewEvent): NewEvent {
    if (!personal || personal.length === 0) return event;
    this.#look();
    return this.#slot ? { ...event, letter: this.#slot.seal(event.id, JSON.stringify(personal)) } : event;
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextLookMs) return;
    const address = read(this.#file);
    if (address !== undefined && address !== this.#address) {
      this.#slot = letterSlot(address) ?? this.#slot;
      this.#address = address;
    }
    this.#nextLookMs = nowMs + (this.#slot ? LOOK_MS : LOOK_SOON_MS);
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
