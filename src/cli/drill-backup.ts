import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromIso, toIso } from '../base/clock.ts';
import { writeDurably } from '../base/durable-file.ts';
import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { declaredWorkloads } from './drill-store.ts';
import { refuse } from './drill-target.ts';

const HOURS = 49;
const HOUR_MS = 3_600_000;

/**
 * What is found when the program that makes backups stopped two days ago: the records of all backups of a region are dated
 * back, since nobody waits that long. The backups themselves are not touched; one that is made meanwhile ends the fault.
 */
export async function backupTooOld(preparation: Preparation): Promise<ControlFault> {
  const { invocation, world, options, target } = preparation;
  const workloads = await declaredWorkloads(preparation);
  const backing = workloads.find(({ spec }) => spec.backs);
  if (!backing?.spec.backs) throw refuse('no workload makes backups: apply examples/clinic/backups.yaml');
  // Of the regions, one in which somebody's regulation asks how old backups are.
  const judged = (await world.posture())?.flatMap(({ reasons }) =>
    reasons.filter(({ fact }) => fact === 'backup.ageHours'),
  );
  const region =
    target ??
    judged
      ?.find(({ subject }) => subject !== null)
      ?.subject?.split('/')
      .at(-1) ??
    '';
  const { server } = backing.spec.backs;
  const folder = join(invocation.state.data, backing.metadata.name, `${region}-0`);
  const records = existsSync(folder)
    ? globSync('*/backup.json', { cwd: folder }).map((path) => join(folder, path))
    : [];
  if (records.length === 0) throw refuse(`there is no backup in ${region || 'a region that is measured'} yet`);
  const files = Object.fromEntries(records.map((path) => [path, readFileSync(path).toString('base64')]));
  const hours = options.parameter ?? HOURS;
  const subjects = [`postgresql/${server}/${region}`];
  return {
    target: `backups of ${server} in ${region}`,
    about: `the newest of ${records.length} backups of ${server} in ${region} is ${hours} h old`,
    facts: ['backup.ageHours'],
    subjects,
    words: [...subjects, backing.metadata.name],
    undo: { kind: 'files', files },
    async inject() {
      for (const path of records) {
        const record = JSON.parse(readFileSync(path, 'utf8')) as { startedAt: string };
        const startedAt = toIso(fromIso(record.startedAt) - hours * HOUR_MS);
        writeDurably(path, `${JSON.stringify({ ...record, startedAt })}\n`);
      }
    },
  };
}
