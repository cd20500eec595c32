/**
 * Kills and stops real processes of a real stack at random moments, under load, and says afterwards what became of it:
 *
 *     npm run chaos -- --minutes 10 --seed 7
 *
 * Nothing is mocked and nothing is waited for between two blows but chance. Exit code 1 when something did not come back,
 * ran twice, is not on record, or when a repair did not come to one of its ends.
 */
import { parseArgs } from 'node:util';
import { systemClock as clock } from '../../src/base/clock.ts';
import { seededRandom } from '../../src/base/random.ts';
import { ClinicLoad } from '../e2e/clinic-load.ts';
import { Stack } from '../e2e/stack.ts';
import { type Blow, Blows } from './blows.ts';
import { type Finding, inspect } from './inspection.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0 && minutes <= 240) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run chaos -- [--minutes 1..240] [--seed N] [--json]\n');
  process.exit(64);
}

process.stderr.write(`seed ${seed}, ${minutes} minutes\n`);
const stack = await Stack.create();
try {
  await stack.up();
  const load = await ClinicLoad.start(stack);
  const random = seededRandom(seed);
  const blows = new Blows(stack, random);
  const struck: Blow[] = [];
  const untilMs = clock.monotonicMs() + minutes * 60_000;
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(1_000 + random.next() * 12_000);
    const blow = await blows.strike();
    if (!blow) continue;
    struck.push(blow);
    process.stderr.write(`${blow.what} ${blow.whom}\n`);
  }
  const { findings, facts } = await inspect(stack, load);
  tell(struck, findings, facts);
  process.exitCode = findings.length === 0 ? 0 : 1;
} finally {
  await stack.close();
}

function tell(struck: readonly Blow[], findings: readonly Finding[], facts: Readonly<Record<string, number>>): void {
  const counts: Record<string, number> = {};
  for (const { what, whom } of struck) {
    const kind = `${what} ${whom.replace(/-.*$/, '')}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ seed, minutes, blows: counts, facts, findings })}\n`);
    return;
  }
  const lines = [
    `${struck.length} blows: ${Object.entries(counts)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ')}`,
    ...Object.entries(facts).map(([name, value]) => `${name}: ${value}`),
    findings.length === 0 ? 'everything is as it should be' : `${findings.length} things are not as they should be:`,
    ...findings.map(({ what, detail }) => `  ${what}: ${detail}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
