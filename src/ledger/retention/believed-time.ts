import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { readJsonFile, writeDurably } from '../../base/durable-file.ts';

const LOOKS_FILE = 'retention-clock.json';
/** A clock is believed about what it has shown for so long, while the ledger ran. */
const BELIEF_MS = 48 * 3_600_000;
/** Looks that are nearer to the last one than this are not remembered. */
const SPACING_MS = 3_600_000;

/** What the clock showed when the ledger had run for so long. */
const lookSchema = z.strictObject({ ranMs: z.number().min(0), nowMs: z.number() });
/** The looks that matter, from the oldest to the newest, and for how long the ledger has run by now. */
const looksSchema = z.strictObject({ ranMs: z.number().min(0), looks: z.array(lookSchema) });
type Look = z.infer<typeof lookSchema>;
type Looks = z.infer<typeof looksSchema>;

export interface BelievedTimeOptions {
  /** The folder in which the looks are remembered. */
  readonly dir: string;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** The latest time that somebody else vouches for; undefined where nobody can. */
  readonly witnessedMs?: () => number | undefined;
}

/**
 * The time by which the age of entries counts. A clock that runs ahead is not believed at once: the time is the latest that
 * the clock has shown for 48 hours of running without showing an earlier one since, and no later than what witnesses
 * vouch for. It lags, and that keeps entries longer, never shorter. Time in which the ledger did not run proves nothing.
 */
export class BelievedTime {
  readonly #options: BelievedTimeOptions;
  #state: Looks;
  #lastMs: number;

  constructor(options: BelievedTimeOptions) {
    this.#options = options;
    this.#state = readLooks(options.dir);
    this.#lastMs = options.clock.monotonicMs();
  }

  /**
   * Looks at the clock, and gives the time that is believed, in milliseconds since 1970; undefined as long as there is none.
   * Throws `state.unwritable`.
   */
  look(): number | undefined {
    const { dir, clock, witnessedMs } = this.#options;
    const atMs = clock.monotonicMs();
    const ranMs = this.#state.ranMs + atMs - this.#lastMs;
    this.#lastMs = atMs;
    const { state, believedMs } = afterLook(this.#state, { ranMs, nowMs: clock.now() });
    this.#state = state;
    writeDurably(join(dir, LOOKS_FILE), JSON.stringify(state));
    return believedMs === undefined ? undefined : Math.min(believedMs, witnessedMs?.() ?? believedMs);
  }

  /** How long the ledger has to run on until it believes any time at all; 0 when it does. */
  leftMs(): number {
    const { ranMs, looks } = this.#state;
    return Math.max(0, BELIEF_MS - (ranMs - (looks[0]?.ranMs ?? ranMs)));
  }
}

/** What is remembered after a look, and what is believed then. */
export function afterLook(before: Looks, { ranMs, nowMs }: Look): { state: Looks; believedMs: number | undefined } {
  // What the clock does not show any more was wrong.
  const looks = before.looks.filter((look) => look.nowMs <= nowMs);
  const last = looks.at(-1);
  if (!last || ranMs - last.ranMs >= SPACING_MS) looks.push({ ranMs, nowMs });
  const proven = looks.findLastIndex((look) => ranMs - look.ranMs >= BELIEF_MS);
  return { state: { ranMs, looks: looks.slice(Math.max(0, proven)) }, believedMs: looks[proven]?.nowMs };
}

/** What is lost or damaged begins anew: that only takes longer. */
function readLooks(dir: string): Looks {
  const nothing: Looks = { ranMs: 0, looks: [] };
  try {
    return looksSchema.safeParse(readJsonFile(join(dir, LOOKS_FILE))).data ?? nothing;
  } catch (error) {
    if (error instanceof SyntaxError) return nothing;
    throw error;
  }
}
