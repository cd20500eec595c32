import { KinError } from '../../src/base/errors.ts';
import type { RepairStore } from '../../src/heal/executor.ts';
import type { JournalEntry } from '../../src/heal/journal.ts';
import type { Outcome } from '../../src/heal/plan.ts';
import type { Replica } from './calamity.ts';

/** The journal of one repair, with the fence of the real one: a replica of an older epoch writes nothing. */
export class JournalInMemory {
  readonly entries: JournalEntry[] = [];
  readonly outcomes: Outcome[] = [];
  epoch = 0;

  storeOf(replica: Replica): RepairStore {
    const write = (entry: Omit<JournalEntry, 'seq' | 'at'>): JournalEntry => {
      if (replica.epoch < this.epoch) throw new KinError('lease.stale', 'another replica leads');
      const written = { ...entry, seq: this.entries.length + 1, at: '2026-01-01T00:00:00.000Z' };
      this.entries.push(written);
      return written;
    };
    return {
      append: async (_repair, _plan, entry) => replica.act(() => write(entry)),
      read: async () => [...this.entries],
      end: async (_repair, _plan, outcome, reason) =>
        replica.act(() => {
          write({ moveIndex: 0, event: 'ended', data: { outcome, reason } });
          this.outcomes.push(outcome);
        }),
    };
  }
}
