import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { filesOpenToAll } from './open-files.ts';
import { backedServers, type BackedStore } from './backups.ts';
import { counted, placeCollector } from './place-collector.ts';

/** Files of the backups of each server that every user of the machine can read. Nothing is proven of backups elsewhere. */
export function readableBackups({
  stores,
  clock,
}: {
  readonly stores: () => readonly BackedStore[];
  readonly clock: Clock;
}): Collector {
  return placeCollector({
    name: 'readable-backups',
    facts: ['backup.readers.surplus'],
    everyMs: 120_000,
    timeoutMs: 60_000,
    placeMs: 20_000,
    places: () => backedServers(stores()),
    clock,
    look: async ({ folder }) => {
      const open = await filesOpenToAll(folder);
      return { readings: { 'backup.readers.surplus': counted(open) }, transcript: { open: open.slice(0, 100) } };
    },
  });
}

/** Files in the folders of logs that every user of the machine can read. */
export function readableLogs({
  folders,
  clock,
}: {
  readonly folders: readonly string[];
  readonly clock: Clock;
}): Collector {
  return placeCollector({
    name: 'readable-logs',
    facts: ['audit.readers.surplus'],
    everyMs: 60_000,
    timeoutMs: 30_000,
    placeMs: 20_000,
    places: () => [{ subject: 'logs', tenants: 'all' as const }],
    clock,
    look: async () => {
      const open = (await Promise.all(folders.map(filesOpenToAll))).flat();
      return { readings: { 'audit.readers.surplus': counted(open) }, transcript: { open: open.slice(0, 100) } };
    },
  });
}
