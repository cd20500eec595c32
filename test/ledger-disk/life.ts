import { type Random, seededRandom } from '../../src/base/random.ts';
import { type FileTrace, type Forgets, traceFiles } from './file-trace.ts';
import { crashStates } from './replay.ts';
import { SEED } from './seed.ts';
import { inThrowawayFolder } from './throwaway-folder.ts';

/** Something that writes files below `root` and puts down what it promised. */
export type Life<Note> = (root: string, trace: FileTrace<Note>, random: Random) => Promise<void>;

/** The states that power cuts leave during a life, which may go without the calls that it `forgets`. */
export async function statesOf<Note>(life: Life<Note>, cuts: number, forgets?: Forgets) {
  // Whether a bug is found is no matter of luck.
  const random = seededRandom(forgets ? 1 : SEED);
  const { events } = await inThrowawayFolder(async (root) => {
    const trace = traceFiles<Note>(root, forgets);
    try {
      await life(root, trace, random);
    } finally {
      trace.end();
    }
    return trace;
  });
  return crashStates(events, { random, cuts });
}
