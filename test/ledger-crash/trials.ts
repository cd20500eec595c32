import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '../../src/base/errors.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { type Inspection, inspect } from './inspection.ts';
import { LedgerUnderLoad, nothingTold } from './ledger-under-load.ts';
import { PowerDisk } from './power-disk.ts';

export interface Trials {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly recovered: number;
  /** Rounds after which the last write was found cut off. */
  readonly torn: number;
  readonly lost: readonly string[];
}

export interface TrialOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly onRound?: (round: number, inspection: Inspection) => void;
}

/** One of so many kills hits a ledger that is being opened. */
const OPENING_EACH = 5;

/** Kills the ledger's process again and again, under load and while it opens, each time on what the last kill left. */
export async function killAgainAndAgain(options: TrialOptions): Promise<Trials> {
  return inFolder(async (root) => {
    const dir = join(root, 'ledger');
    const told = nothingTold();
    return repeat(options, async (round, random) => {
      const ledger = new LedgerUnderLoad(dir, join(root, 'ledger.sock'), told);
      try {
        if (round % OPENING_EACH === OPENING_EACH - 1) {
          await ledger.opening(dir);
        } else {
          await ledger.ready();
          await ledger.load(String(round), 1 + Math.floor(random.next() * 800));
        }
      } finally {
        await ledger.kill();
      }
      return inspect(dir, told);
    });
  });
}

/**
 * Cuts the power of the disk under the ledger's process again and again, at any change of any file. The process is killed
 * then; what the disk did not have to keep is gone in part. A `lying` disk does not sync what it says it synced.
 */
export async function cutAgainAndAgain(options: TrialOptions & { readonly lying?: boolean }): Promise<Trials> {
  return inFolder(async (root) => {
    const mounted = join(root, 'disk');
    mkdirSync(mounted);
    const disk = await PowerDisk.mount(mounted, options.lying);
    try {
      const dir = join(mounted, 'ledger');
      const told = nothingTold();
      return await repeat(options, async (round, random) => {
        const ledger = new LedgerUnderLoad(dir, join(root, 'ledger.sock'), told);
        // The first life begins with power; some of the later ones lose it while they recover, or soon after.
        const isEarly = round > 0 && random.next() < 0.2;
        const ready = ledger.ready();
        const load = ready.then(
          () => ledger.load(String(round), Number.POSITIVE_INFINITY),
          () => undefined,
        );
        try {
          if (!isEarly) await ready;
          await disk.cutAfter(Math.floor(random.next() * (isEarly ? 12 : 400)));
        } finally {
          await ledger.kill();
        }
        await load;
        await disk.restore(Math.floor(random.next() * 2 ** 31));
        return inspect(dir, told);
      });
    } finally {
      await disk.end();
    }
  });
}

async function repeat(
  { rounds, seed, onRound }: TrialOptions,
  trial: (round: number, random: Random) => Promise<Inspection>,
): Promise<Trials> {
  const random = seededRandom(seed);
  const sum = { acknowledged: 0, recovered: 0, torn: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const found = await trial(round, random).catch(
      (error: unknown): Inspection => ({ ...sum, lost: [describeError(error)], isTorn: false }),
    );
    Object.assign(sum, { acknowledged: found.acknowledged, recovered: found.recovered });
    sum.torn += found.isTorn ? 1 : 0;
    onRound?.(round, found);
    if (found.lost.length > 0) return { rounds: round + 1, ...sum, lost: found.lost };
  }
  return { rounds, ...sum, lost: [] };
}

async function inFolder(use: (root: string) => Promise<Trials>): Promise<Trials> {
  const root = mkdtempSync(join(tmpdir(), 'kin-crash-'));
  try {
    return await use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
