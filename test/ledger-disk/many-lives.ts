import { seededRandom } from '../../src/base/random.ts';
import { type Explored, explore } from './explore.ts';
import { brokenPromise } from './ledger-judge.ts';
import { failingDisk, liveLedger } from './ledger-life.ts';
import { crashStates } from './replay.ts';
import { inThrowawayFolder } from './throwaway-folder.ts';

const CUTS = 6;

/** Judges crash states of one ledger after another, each second one on a disk that fails as well, until there were `states`. */
export async function judgeManyLives(states: number, seed: number): Promise<Explored> {
  let judged = 0;
  for (let life = 0; judged < states; life += 1) {
    const random = seededRandom(seed + life);
    const failing = life % 2 === 1 ? { openFile: failingDisk(random) } : {};
    const { events } = await inThrowawayFolder((root) => liveLedger({ root, random, ...failing }));
    const found = await explore(crashStates(events, { random, cuts: CUTS }), (state, root) =>
      brokenPromise(state, root),
    );
    judged += found.count;
    if (found.broken.length > 0) return { count: judged, broken: [`of seed ${seed + life}`, ...found.broken] };
  }
  return { count: judged, broken: [] };
}
