import { expect, test } from 'vitest';
import { readConnections } from './connection-count.ts';
import { openDatabase } from './database.ts';
import { startThrowawayPostgres } from './throwaway-postgres.ts';

test('connections that are open are counted', async () => {
  const postgres = await startThrowawayPostgres();
  const [one, other] = [await openDatabase(postgres.connection), await openDatabase(postgres.connection)];
  try {
    const { used, limit } = await readConnections(one);
    expect(used).toBeGreaterThanOrEqual(2);
    expect(limit).toBeGreaterThan(used);
  } finally {
    await Promise.all([one.close(), other.close()]);
    await postgres.close();
  }
});
