import { describeError } from '../../src/base/errors.ts';
import type { CrashState } from './replay.ts';
import { inThrowawayFolder } from './throwaway-folder.ts';

/** What is not kept in a state, whose files it may put into `root`; undefined when all is. What it throws is not kept either. */
export type Judge<Note> = (state: CrashState<Note>, root: string, count: number) => Promise<string | undefined>;

export interface Explored {
  /** Different states that were judged. */
  readonly count: number;
  readonly broken: readonly string[];
}

const JUDGES = 8;

/** Judges states, some at a time, until there are no more or `until` says so. */
export async function explore<Note>(
  states: Iterable<CrashState<Note>>,
  judge: Judge<Note>,
  until: (broken: readonly string[]) => boolean = () => false,
): Promise<Explored> {
  const broken: string[] = [];
  let count = 0;
  const queue = states[Symbol.iterator]();
  const judges = Array.from({ length: JUDGES }, async () => {
    for (let next = queue.next(); !next.done && !until(broken); next = queue.next()) {
      count += 1;
      const state = next.value;
      const fault = await inThrowawayFolder((root) => judge(state, root, count)).catch(describeError);
      if (fault !== undefined) broken.push(`after event ${state.at}: ${fault}`);
    }
  });
  await Promise.all(judges);
  return { count, broken };
}

/** What is not kept in the first state in which something is not. */
export async function firstBroken<Note>(
  states: Iterable<CrashState<Note>>,
  judge: Judge<Note>,
): Promise<string | undefined> {
  return (await explore(states, judge, (broken) => broken.length > 0)).broken[0];
}
