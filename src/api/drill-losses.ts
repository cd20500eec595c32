import { fromIso } from '../base/clock.ts';
import { readHistories } from '../observe/facts/data-losses.ts';
import { lostBetween } from '../observe/facts/wal-history.ts';
import { factKey } from '../observe/fact.ts';
import type { Control } from './control.ts';

/** A server that comes back only after that is not waited for. */
const LOOKED_WITHIN_MS = 8_000;
const AGAIN_MS = 100;

/**
 * The longest span of data that a database server lost in a drill, in ms: 0 when each was looked at after it was over and had
 * everything. Null when there is none, or one could not be looked at.
 */
export async function dataLostIn(
  { options, world, compliance }: Control,
  startedAt: string,
  endedAt: string,
): Promise<number | null> {
  const { clock, state } = options;
  const keys = world.declared.tenants.map(({ metadata }) => {
    return factKey({ name: 'resilience.rpoMs', subject: metadata.name });
  });
  compliance.measureAgain(keys);
  const deadlineMs = clock.monotonicMs() + LOOKED_WITHIN_MS;
  for (;;) {
    const histories = Object.values(readHistories(state.dataLosses));
    const lost = lostBetween(histories, fromIso(startedAt), fromIso(endedAt));
    if (lost !== null || histories.length === 0 || clock.monotonicMs() > deadlineMs) return lost;
    await clock.sleep(AGAIN_MS);
  }
}
