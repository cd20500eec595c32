import { sql } from 'kysely';
import { KinError } from '../base/errors.ts';
import type { MoveContext } from '../heal/move.ts';
import type { DatabaseTransaction } from '../store/database.ts';
import type { DeclaredWorkload } from './declared.ts';
import { versionFor } from './rollout.ts';
import type { ScalingPorts } from './scaling.ts';
import { wantedOf, type World } from './world.ts';

/** The slots of workloads and how many are wanted, in PostgreSQL. */
export function createSlotTable(options: {
  readonly world: World;
  /** A transaction under the epoch of the context and no other. */
  readonly fenced: <T>(context: MoveContext, fn: (tx: DatabaseTransaction) => Promise<T>) => Promise<T>;
  readonly refresh: () => Promise<void>;
}): ScalingPorts {
  const { world, fenced, refresh } = options;
  return {
    async slots(workload) {
      await refresh();
      return workloadOf(world, workload).slots;
    },
    wantedBesides({ workload, key }) {
      const declared = workloadOf(world, workload);
      const { [key]: _, ...scaleDelta } = declared.scaleDelta;
      return wantedOf({ ...declared, scaleDelta });
    },
    async ask({ workload, regions, by, key }, context) {
      const delta = JSON.stringify({ [key]: Object.fromEntries(regions.map((region) => [region, by])) });
      const scaleDelta =
        by === 0 ? sql<string>`scale_delta - ${key}::text` : sql<string>`scale_delta || ${delta}::jsonb`;
      await fenced(context, (tx) =>
        tx.updateTable('workload_state').set({ scale_delta: scaleDelta }).where('workload', '=', workload).execute(),
      );
      await refresh();
    },
    async add({ workload, region, ordinal }, context) {
      await fenced(context, (tx) =>
        tx
          .insertInto('slot')
          .values({ workload, region, ordinal })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
      await refresh();
    },
    async remove({ workload, region, ordinal }, context) {
      await fenced(context, (tx) =>
        tx
          .deleteFrom('slot')
          .where('workload', '=', workload)
          .where('region', '=', region)
          .where('ordinal', '=', ordinal)
          .execute(),
      );
      await refresh();
    },
    versionOfNew: (workload) => versionFor(workloadOf(world, workload), { version: null }),
  };
}

function workloadOf(world: World, name: string): DeclaredWorkload {
  const workload = world.workload(name);
  if (workload) return workload;
  throw new KinError('resource.unknown', `there is no workload ${name}`);
}
