import type { KeptPart, RunningDetector } from '../detect/detector.ts';

/** A part of what a detector knows, as it is kept. */
export interface KeptDetection extends KeptPart {
  readonly detector: string;
  /** Time of the newest sample in it. */
  readonly heardUntil: number;
}

/**
 * What detectors know, whoever leads. Whoever implements it owes: only the leader writes; a write is whole or not there;
 * what was written by other detectors than those that run is not read, because its shape may differ.
 */
export interface DetectionMemory {
  read(): Promise<readonly KeptDetection[]>;
  write(parts: readonly KeptDetection[]): Promise<void>;
  /** All that there is has been written since this time of the memory's own clock; what is older is of who is gone. */
  forgetBefore(round: number): Promise<void>;
  /** Begins a round, and names it. */
  beginRound(): Promise<number>;
}

/** Events that claim once and are not told again begin anew: whoever leads hears of what is so now. */
const AFRESH: ReadonlySet<string> = new Set([
  'exit',
  'start-failure',
  'failed-probe',
  'crash-loop',
  'artefact-drift',
  'condition',
  'poison',
]);
const BATCH_CHARS_MAX = 512 * 1024;
/** What knows this much less than what was kept was blind meanwhile. */
const BLIND_MS = 10_000;

/** Keeps what detectors know, little by little and in rounds, and gives it back to who begins. */
export class DetectionKeeper {
  readonly #detectors: readonly RunningDetector[];
  readonly #memory: DetectionMemory;
  #round: { readonly name: number; readonly parts: Iterator<KeptDetection> } | undefined;

  constructor(detectors: readonly RunningDetector[], memory: DetectionMemory) {
    this.#detectors = detectors.filter(({ name }) => !AFRESH.has(name));
    this.#memory = memory;
  }

  /** Writes the next parts, at most half a megabyte of them. Rejects as the memory does; the round then begins again. */
  async keep(): Promise<void> {
    try {
      this.#round ??= { name: await this.#memory.beginRound(), parts: partsOf(this.#detectors) };
      const { name, parts } = this.#round;
      const batch: KeptDetection[] = [];
      let chars = 0;
      for (let next = parts.next(); ; next = parts.next()) {
        if (next.done) {
          this.#round = undefined;
          break;
        }
        batch.push(next.value);
        chars += next.value.state.length;
        if (chars >= BATCH_CHARS_MAX) break;
      }
      await this.#memory.write(batch);
      if (this.#round === undefined) await this.#memory.forgetBefore(name);
    } catch (error) {
      this.#round = undefined;
      throw error;
    }
  }

  /**
   * Gives detectors that were blind what was kept of them; resolves with their names. A detector whose state cannot be
   * read begins anew and is not among them.
   */
  async restore(): Promise<readonly string[]> {
    const kept = Map.groupBy(await this.#memory.read(), ({ detector }) => detector);
    return this.#detectors.flatMap((detector) => {
      const parts = kept.get(detector.name) ?? [];
      // Its parts were written one after the other: what an older one has not heard it misses, as it would silence.
      const until = Math.max(0, ...parts.map(({ heardUntil }) => heardUntil));
      if (until <= detector.heardUntil + BLIND_MS) return [];
      try {
        detector.load(parts, until);
        return [detector.name];
      } catch {
        return [];
      }
    });
  }
}

function* partsOf(detectors: readonly RunningDetector[]): Generator<KeptDetection> {
  for (const detector of detectors) {
    for (const part of detector.save()) yield { ...part, detector: detector.name, heardUntil: detector.heardUntil };
  }
}
