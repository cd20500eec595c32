import { beforeEach } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { memoryConformance } from '../../test/conformance/memory.ts';
import { Replica } from '../../test/sim/calamity.ts';
import { AT } from '../../test/sim/fleet-views.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { MemoryInMemory } from '../../test/sim/memory-in-memory.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../store/database.ts';
import { createPostgresqlMemory } from './postgresql-memory.ts';
import { createRecord } from './record.ts';

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

beforeEach(async () => {
  for (const table of ['repair_journal', 'repair', 'plan', 'incident', 'budget', 'lease'] as const) {
    await database.kysely.deleteFrom(table).execute();
  }
});

const record = createRecord(systemClock, systemRandom);

memoryConformance('PostgreSQL', async () => {
  const lead = async () =>
    createPostgresqlMemory({ database, lease: await holdLease(database), record, random: systemRandom });
  return { leader: await lead(), depose: lead };
});

memoryConformance('the simulated memory', async () => {
  const memory = new MemoryInMemory(new VirtualClock(AT));
  const lead = () => memory.of(new Replica(++memory.epoch));
  return { leader: lead(), depose: async () => lead() };
});
