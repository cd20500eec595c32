/**
 * `npm run sim -- --seed N --hours H`: the whole healer in a simulated world, with random faults of every kind at any
 * moment. Prints what came of it and the seed; ends with 1 when an invariant was violated.
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';
import type { HealerName } from './world/trial.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(performance.timeOrigin) % 1_000_000) },
    hours: { type: 'string', default: '24' },
    instances: { type: 'string', default: '24' },
    tenants: { type: 'string', default: '10' },
    gap: { type: 'string', default: '' },
    healer: { type: 'string', default: 'kintsugi' },
    json: { type: 'boolean', default: false },
  },
});

const hours = Number(values.hours);
/** Short runs are dense, long ones are as quiet as fleets mostly are: minutes from one fault to the next. */
const gapMinutes = values.gap === '' ? Math.min(300, Math.max(5, hours)) : Number(values.gap);
const options = {
  seed: Number(values.seed),
  hours,
  instances: Number(values.instances),
  tenants: Number(values.tenants),
  gapMs: gapMinutes * 60_000,
  healer: values.healer as HealerName,
};

const board = await simulate(options);
const { user, system } = process.cpuUsage();
/** Of this process: how busy the machine is besides says nothing. */
const seconds = (user + system) / 1e6;
const speed = Number((hours / seconds).toPrecision(3));

if (values.json) {
  console.log(JSON.stringify({ ...board, seconds, hoursPerSecond: speed }, null, 2));
} else {
  const repairs = Object.entries(board.repairs).map(([outcome, count]) => `${count} ${outcome}`);
  console.log(`seed ${board.seed}: ${hours} h of ${board.instances} instances and ${board.tenants} tenants`);
  console.log(
    `faults      ${board.faults} of ${Object.keys(board.faultsByKind).length} kinds, every ${gapMinutes} min`,
  );
  console.log(`incidents   ${board.incidents}, ${board.pages} calls for a person`);
  console.log(`repairs     ${repairs.join(', ') || 'none'}; ${board.acts} acts`);
  console.log(`speed       ${speed} simulated hours a second of one core, ${seconds.toFixed(1)} s in all`);
  for (const what of board.healerFaults) console.log(`caught      ${what}`);
  console.log(`violations  ${board.violations.length}`);
  for (const { at, invariant, what } of board.violations) {
    console.log(`  ${(at / 3_600_000).toFixed(4)} h  ${invariant}: ${what}`);
  }
}
if (board.violations.length > 0) {
  const { seed, instances, tenants } = options;
  const line = [seed, hours, instances, tenants, gapMinutes].join(' ');
  console.error(`keep this seed: add the line '${line}' to test/sim/seeds.txt`);
  process.exitCode = 1;
}
