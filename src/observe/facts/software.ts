import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fromIso } from '../../base/clock.ts';
import {
  type Advisory,
  advisorySchema,
  affects,
  ageDaysOf,
  type Severity,
  severityOf,
} from '../../resources/advisory.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { readBill } from './bill-of-materials.ts';
import { unknown, value } from './place-collector.ts';

/** An artefact that runs now. */
export interface RunningArtefact {
  readonly workload: string;
  readonly path: string;
}

export interface SoftwareOptions {
  readonly artefacts: () => readonly RunningArtefact[];
  /** Imported advisories, a file each. */
  readonly folder: string;
  readonly clock: Clock;
}

const NAME = 'software';
const DAY_MS = 86_400_000;
const NO_FEED = 'no advisories were imported: see `kintsugi advisories import`';

/**
 * Of which packages what runs is made, and the oldest known critical and high vulnerability in them, by advisories that were
 * imported. Nothing is proven of what an artefact brings in other ways than by npm (Node itself, PostgreSQL, a bundle), and
 * of vulnerabilities that nobody imported or ranked.
 */
export function software({ artefacts, folder, clock }: SoftwareOptions): Collector {
  return {
    name: NAME,
    facts: [
      'software.inventory.missing',
      'software.advisories.ageDays',
      'software.critical.ageDays',
      'software.high.ageDays',
    ],
    everyMs: 600_000,
    timeoutMs: 120_000,
    async collect() {
      const running = artefacts();
      if (running.length === 0) return [];
      const paths = [...new Set(running.map(({ path }) => path))];
      const bills = new Map(await Promise.all(paths.map(async (path) => [path, await readBill(path)] as const)));
      const advisories = await readAdvisories(folder);
      const missing = paths.filter((path) => !bills.get(path)).length;
      const newest = Math.max(...advisories.map(({ modified }) => fromIso(modified)));
      const age = advisories.length === 0 ? unknown(NO_FEED) : value(Math.max(0, clock.now() - newest) / DAY_MS);
      const oldest = (paths: readonly string[], severity: Severity): Measured => {
        if (advisories.length === 0) return unknown(NO_FEED);
        const parts = paths.map((path) => bills.get(path));
        if (parts.includes(undefined)) return unknown('nobody knows of what it is made: there is no package-lock.json');
        const found = advisories.filter((advisory) => {
          return (
            severityOf(advisory) === severity && parts.some((bill) => bill?.some((each) => affects(advisory, each)))
          );
        });
        return value(Math.max(0, ...found.map((advisory) => ageDaysOf(advisory, clock))));
      };
      const at = clock.now();
      const workloads = Map.groupBy(running, ({ workload }) => workload);
      return [
        factOf('software.inventory.missing', 'artefacts', value(missing), at),
        factOf('software.advisories.ageDays', 'advisories', age, at),
        ...[...workloads].flatMap(([workload, here]) => {
          const paths = here.map(({ path }) => path);
          return [
            factOf('software.critical.ageDays', workload, oldest(paths, 'critical'), at),
            factOf('software.high.ageDays', workload, oldest(paths, 'high'), at),
          ];
        }),
      ];
    },
  };
}

function factOf(name: Fact['name'], subject: string, measured: Measured, measuredAt: number): Fact {
  return { name, subject, tenants: 'all', measured, measuredAt, collector: NAME, evidence: null };
}

/** Each of them was checked when it was imported; a file that is none is passed over. */
async function readAdvisories(folder: string): Promise<readonly Advisory[]> {
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => advisorySchema.safeParse(JSON.parse(text)).data ?? []);
}
