import { parseArgs } from 'node:util';
import { toIso } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { readMachine } from '../recovery/machine.ts';
import { renderTable } from '../recovery/report.ts';
import { type Spread, spreadOf } from '../recovery/statistics.ts';
import { ComplyBench, type Round, type Size } from './comply.ts';

export const complyBench: Bench = {
  name: 'comply',
  synopsis: '[--rounds N] [--tenants N] [--controls N]',
  help: `  judging controls and moves on one core, beside Cedar and json-logic on the same rules
  --rounds    of everything, one after the other (default 3)
  --tenants   each with every fact of its own (default 10000)
  --controls  each with one threshold (default 60)
`,
  async run(args, { signal, progress }) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args: [...args], options: { rounds: text, tenants: text, controls: text } });
    const rounds = readCount('--rounds', values.rounds ?? '3', 100);
    const size: Size = {
      tenants: readCount('--tenants', values.tenants ?? '10000', 100_000),
      controls: readCount('--controls', values.controls ?? '60', 60),
    };
    const machine = await readMachine();
    const bench = new ComplyBench(size);
    const done: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      done.push(bench.round());
      progress(
        `${round + 1}: ${(size.tenants * size.controls).toLocaleString('en')} judgements in ${done.at(-1)?.wholeMs.toFixed(0)} ms`,
      );
    }
    const report = { bench: 'comply', date: toIso(Date.now()), machine, ...size, rounds: done };
    return { report, text: render(report) };
  },
};

function render(
  report: Size & {
    readonly date: string;
    readonly machine: { readonly loadAverage: number; readonly cpu: string };
    readonly rounds: readonly Round[];
  },
): string {
  const { date, machine, tenants, controls, rounds } = report;
  const of = (pick: (round: Round) => number, digits = 0) => range(spreadOf(rounds.map(pick)), digits);
  const peers = rounds[0]?.peers ?? [];
  const ratio = (at: number) =>
    of((round) => round.evaluationsPerSecond / (round.peers[at]?.evaluationsPerSecond ?? Number.NaN), 1);
  const gateRatio = (at: number) =>
    of((round) => round.gatePerSecond / (round.peers[at]?.gatePerSecond ?? Number.NaN), 1);
  const rows = [
    ['Kintsugi', of((round) => round.evaluationsPerSecond), '', of((round) => round.gatePerSecond), ''],
    ...peers.map(({ name }, at) => [
      name,
      of((round) => round.peers[at]?.evaluationsPerSecond ?? Number.NaN),
      ratio(at),
      of((round) => round.peers[at]?.gatePerSecond ?? Number.NaN),
      gateRatio(at),
    ]),
  ];
  return `# comply

- ${date.slice(0, 16)}Z, ${machine.cpu}, load ${machine.loadAverage}, Node ${process.version}, ${rounds.length} rounds; median (least-most)
- ${tenants} tenants x ${controls} controls from warm facts: ${of(({ wholeMs }) => wholeMs)} ms
- one fact of one tenant changes: ${of(({ oneFactMs }) => oneFactMs, 3)} ms; one fact that bears on all tenants: ${of(({ sharedFactMs }) => sharedFactMs, 1)} ms
- gate, one tenant under all rules of its regulation: ${of(({ gatePerSecond }) => gatePerSecond)}/s; three tenants under three: ${of(({ gatePooledPerSecond }) => gatePooledPerSecond)}/s
- the peers judge freshness and threshold of the same facts, and of a move region and processor only

${renderTable([['', 'judgements/s', 'Kintsugi is x times', 'moves/s', 'Kintsugi is x times'], ...rows])}`;
}

function range({ median, min, max }: Spread, digits: number): string {
  const shown = (value: number | null) => (value === null ? '-' : value.toFixed(digits));
  return `${shown(median)} (${shown(min)}-${shown(max)})`;
}

function readCount(option: string, text: string, max: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new KinError('usage.invalid', `${option} must be a whole number from 1 to ${max}, not ${text}`);
}
