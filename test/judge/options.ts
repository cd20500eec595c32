import { parseArgs } from 'node:util';
import { KinError } from '../../src/base/errors.ts';
import type { HealerName } from '../sim/world/trial.ts';

/** What `npm run judge` is to do. */
export interface Options {
  readonly json: boolean;
  readonly packs: readonly string[];
  readonly files: readonly string[];
  readonly scenarios: readonly string[];
  readonly seed: number;
  readonly healer: HealerName;
  readonly story: boolean;
  readonly unguarded: boolean;
  readonly real: boolean;
  readonly aims: boolean;
  readonly baseline: boolean;
  readonly threads: number;
  readonly writeDocs: boolean;
  readonly help: boolean;
}

const HEALERS: readonly HealerName[] = ['kintsugi', 'baseline', 'none'];
const THREADS_MAX = 2;

export const USAGE = `usage: npm run judge -- [options]

  --pack NAME        only this pack; may be given again
  --scenario ID      only this scenario; may be given again
  --files DIR        scenario files from elsewhere instead of those of the project
  --seed N           seed of the worlds (default 1); equal seeds give equal results
  --healer NAME      kintsugi (default), baseline (restarts whatever is unhealthy) or none
  --no-baseline      do not run the baseline healer beside it
  --story            tell what happened, moment by moment
  --unguarded        tell the story of the run without the guards that the scenario takes out
  --real             run the scenarios that name a drill on real processes (on this machine, loopback)
  --threads N        1 (default) or 2
  --no-aims          report only: exit code 0 also when an aim is missed
  --json             one JSON document instead of the tables
  --write-docs       write the table of fields in docs/scenarios.md anew
`;

/** Throws `usage.invalid`, or the fault of `parseArgs`, for what it does not know. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    allowNegative: true,
    options: {
      json: { type: 'boolean', default: false },
      pack: { type: 'string', multiple: true, default: [] },
      files: { type: 'string', multiple: true, default: [] },
      scenario: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      healer: { type: 'string', default: 'kintsugi' },
      story: { type: 'boolean', default: false },
      unguarded: { type: 'boolean', default: false },
      real: { type: 'boolean', default: false },
      aims: { type: 'boolean', default: true },
      baseline: { type: 'boolean', default: true },
      threads: { type: 'string', default: '1' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const healer = HEALERS.find((each) => each === values.healer);
  if (!healer) throw new KinError('usage.invalid', `there is no healer ${values.healer}: ${HEALERS.join(', ')}`);
  return {
    ...values,
    writeDocs: values['write-docs'],
    packs: values.pack,
    scenarios: values.scenario,
    healer,
    seed: wholeNumber('seed', values.seed, 2 ** 32 - 1),
    threads: wholeNumber('threads', values.threads, THREADS_MAX, 1),
    baseline: values.baseline && healer === 'kintsugi',
  };
}

function wholeNumber(name: string, text: string, max: number, min = 0): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new KinError('usage.invalid', `--${name} takes a whole number from ${min} to ${max}`);
}
