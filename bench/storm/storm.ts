import { cpus, loadavg } from 'node:os';
import { STORMS } from '../../test/sim/storms.ts';
import { standing } from '../../test/sim/symptoms.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';

const LOOKS = 7;

export interface StormReport {
  readonly bench: 'storm';
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  /** Of the last minute, when the run began. */
  readonly load: number;
  readonly storms: readonly {
    readonly name: string;
    readonly symptoms: number;
    readonly instances: number;
    readonly incidents: number;
    readonly msMedian: number;
    readonly msMax: number;
    readonly example: string;
  }[];
}

/** Looks at each storm several times, each time as if the picture were new. */
export function runStorms(symptoms: number): StormReport {
  const load = loadavg()[0]!;
  const storms = Object.entries(STORMS).map(([name, create]) => {
    const { fleet, claims } = create(symptoms);
    const looks = Array.from({ length: LOOKS }, () => {
      const [all, picture] = [standing(claims), { ...fleet }];
      const before = performance.now();
      const diagnoses = diagnose(all, picture);
      return { ms: performance.now() - before, diagnoses, symptoms: all.size };
    });
    const times = looks.map(({ ms }) => ms).sort((a, b) => a - b);
    const [{ diagnoses, symptoms: standingAtOnce }] = looks as [(typeof looks)[number]];
    return {
      name,
      symptoms: standingAtOnce,
      instances: fleet.workloads.reduce((sum, { instances }) => sum + instances.length, 0),
      incidents: diagnoses.length,
      msMedian: times[Math.floor(LOOKS / 2)]!,
      msMax: times.at(-1)!,
      example: diagnoses[0]?.summary ?? '',
    };
  });
  const date = new Date().toISOString();
  return { bench: 'storm', date, node: process.version, cpu: cpus()[0]?.model ?? 'unknown', load, storms };
}
