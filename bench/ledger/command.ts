import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { toIso } from '../../src/base/clock.ts';
import { assert } from '../../src/base/assert.ts';
import { KinError } from '../../src/base/errors.ts';
import type { DatabaseConnection } from '../../src/store/database.ts';
import { startThrowawayPostgres } from '../../src/store/throwaway-postgres.ts';
import type { Bench } from '../bench.ts';
import { readMachine } from '../recovery/machine.ts';
import { type Spread, spreadOf } from '../recovery/statistics.ts';
import type { Contestant } from './contestant.ts';
import {
  ledgerInProcess,
  ledgerOverSocket,
  nothingKept,
  OURS,
  OURS_IN_DATABASE,
  OURS_OVER_SOCKET,
  OURS_SEALED,
  OURS_WITH_PAYLOADS,
  sealedLedger,
  verificationSpeed,
} from './kintsugi.ts';
import { BATCHES, batchedTable, CHAIN, ROWS, singleRows } from './postgresql.ts';
import { type ContestantReport, contestantReport, type LedgerReport, ratioOf, renderLedger } from './report.ts';
import { entryOf, runTrial, type Trial } from './trial.ts';

const VERIFIED_ENTRIES = 200_000;

export const ledgerBench: Bench = {
  name: 'ledger',
  synopsis: '[--rounds N] [--seconds N]',
  help: `  durable records a second beside audit tables of a PostgreSQL that is started for it
  --rounds   of all contestants, one after the other (default 5)
  --seconds  of each contestant in each round (default 4)
`,
  async run(args, { signal, progress }) {
    const options = { rounds: { type: 'string' }, seconds: { type: 'string' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const rounds = readCount('--rounds', values.rounds ?? '5');
    const seconds = readCount('--seconds', values.seconds ?? '4');
    const machine = await readMachine();
    const server = await startThrowawayPostgres();
    try {
      const field = contestantsOn(server.connection);
      const trials = field.map((): Trial[] => []);
      const verified: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        for (const [at, contestant] of field.entries()) {
          const trial = await runTrial(contestant, seconds * 1000, signal);
          trials[at]?.push(trial);
          progress(`${round + 1}: ${contestant.name}, ${contestant.inFlight}: ${trial.perSecond.toFixed(0)}/s`);
        }
        verified.push(await verificationSpeed(VERIFIED_ENTRIES, entryOf));
      }
      const contestants = field.map(({ name, inFlight }, at) => contestantReport(name, inFlight, trials[at] ?? []));
      const date = toIso(Date.now());
      const ratios = ratiosOf(contestants);
      const verifiedPerSecond = spreadOf(verified);
      const report: LedgerReport = {
        bench: 'ledger',
        date,
        machine,
        load: loadavg(),
        seconds,
        contestants,
        ratios,
        appendCpuUs: ownCpuUs(contestants),
        verifiedPerSecond,
      };
      return { report, text: renderLedger(report) };
    } finally {
      await server.close();
    }
  },
};

/** As large as two sealed payloads of a person's address and name. */
const PAYLOAD_BYTES = 200;

/** In the order in which they run; each of ours next to what it is compared with. */
function contestantsOn(connection: DatabaseConnection): Contestant[] {
  return [
    nothingKept(4096),
    ledgerInProcess(4096),
    batchedTable(connection, 4096),
    ledgerInProcess(4096, { connection }),
    ledgerInProcess(4096, { payloadBytes: PAYLOAD_BYTES }),
    ledgerOverSocket(4096),
    sealedLedger(4096),
    singleRows(connection, 'chained', 4096),
    ledgerInProcess(512),
    sealedLedger(512),
    ledgerInProcess(64),
    singleRows(connection, 'audit', 64),
    singleRows(connection, 'chained', 64),
    sealedLedger(64),
    ledgerInProcess(1),
    singleRows(connection, 'audit', 1),
    sealedLedger(1),
  ];
}

/** Who is compared with whom, by name and by how many are in flight. */
const PAIRS: readonly [of: string, ofInFlight: number, to: string, toInFlight: number][] = [
  [OURS, 4096, BATCHES, 4096],
  [OURS_IN_DATABASE, 4096, BATCHES, 4096],
  [OURS_WITH_PAYLOADS, 4096, BATCHES, 4096],
  [OURS_OVER_SOCKET, 4096, BATCHES, 4096],
  [OURS_SEALED, 4096, BATCHES, 4096],
  [OURS, 64, ROWS, 64],
  [OURS, 4096, CHAIN, 4096],
  [OURS, 64, CHAIN, 64],
  [OURS, 1, ROWS, 1],
];

function ratiosOf(contestants: readonly ContestantReport[]) {
  const find = (name: string, inFlight: number) => {
    return contestants.find((each) => each.name === name && each.inFlight === inFlight);
  };
  return PAIRS.map(([of, ofInFlight, to, toInFlight]) => {
    const [ours, theirs] = [find(of, ofInFlight), find(to, toInFlight)];
    assert(ours && theirs, 'each of a pair takes part');
    return ratioOf(ours, theirs);
  });
}

/** What an append costs the thread that makes the entry, besides making it. */
function ownCpuUs([bench, ours]: readonly ContestantReport[]): Spread {
  const rounds = ours?.rounds ?? [];
  return spreadOf(
    rounds.map(({ callerCpuUs }, round) => callerCpuUs - (bench?.rounds[round]?.callerCpuUs ?? Number.NaN)),
  );
}

function readCount(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 1000) return count;
  throw new KinError('usage.invalid', `${option} must be a whole number from 1 to 1000, not ${text}`);
}
