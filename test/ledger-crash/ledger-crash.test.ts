import { describe, expect, it } from 'vitest';
import { whyNoDisk } from './power-disk.ts';
import { cutAgainAndAgain, killAgainAndAgain } from './trials.ts';

const SEED = Number(process.env['KINTSUGI_SEED'] ?? process.pid);
console.log(`kills and cuts by seed ${SEED}; again with KINTSUGI_SEED=${SEED}`);

const noDisk = whyNoDisk();
if (noDisk !== undefined) console.log(`the power is not cut here: ${noDisk}`);

/** Far more than they take where nothing else runs. */
const MINUTES = 4 * 60_000;

describe('the process of the ledger, under load', () => {
  it(
    'loses nothing that it acknowledged, killed ten times',
    async () => {
      const { lost, rounds, acknowledged, recovered } = await killAgainAndAgain({ rounds: 10, seed: SEED });
      expect(lost).toEqual([]);
      expect(rounds).toBe(10);
      expect(acknowledged).toBeGreaterThan(10);
      expect(recovered).toBeGreaterThanOrEqual(acknowledged);
    },
    MINUTES,
  );

  it.skipIf(noDisk !== undefined)(
    'loses nothing that it acknowledged when the power of its disk is cut',
    async () => {
      const { lost, rounds, acknowledged } = await cutAgainAndAgain({ rounds: 6, seed: SEED });
      expect(lost).toEqual([]);
      expect(rounds).toBe(6);
      expect(acknowledged).toBeGreaterThan(10);
    },
    MINUTES,
  );

  it.skipIf(noDisk !== undefined)(
    'loses what it acknowledged on a disk that says that it synced and did not, so that losses are seen',
    async () => {
      const { lost } = await cutAgainAndAgain({ rounds: 8, seed: 1, lying: true });
      expect(lost).not.toEqual([]);
    },
    MINUTES,
  );
});
