import type { Database } from '../../src/store/database.ts';
import { acquireLease, type LeaderLease } from '../../src/store/lease.ts';

/** Takes the lease over, from whoever has it, in a real database; it renews nothing and hears of no loss. */
export async function holdLease(database: Database): Promise<LeaderLease> {
  const epoch = await acquireLease(database, 'leader', 'test', 0);
  if (epoch === undefined) throw new Error('somebody else holds the lease');
  return {
    name: 'leader',
    holder: 'test',
    current: () => ({ epoch }),
    onGained: () => () => undefined,
    onLost: () => () => undefined,
    close: async () => undefined,
  };
}
