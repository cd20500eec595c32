/**
 * `npm run ledger-crash [-- --states N] [--kills N] [--cuts N] [--seed N] [--json]`: judges so many crash states of ledgers on
 * the model disk, kills the ledger's process under load, cuts the power of the disk under it, and looks up all that was
 * acknowledged. Exits with 1 when anything is lost.
 */
import { parseArgs } from 'node:util';
import { judgeManyLives } from '../ledger-disk/many-lives.ts';
import { whyNoDisk } from './power-disk.ts';
import { cutAgainAndAgain, killAgainAndAgain, type Trials } from './trials.ts';

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '5000' },
    kills: { type: 'string', default: '100' },
    cuts: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(process.pid) },
    json: { type: 'boolean', default: false },
  },
});

const [states, kills, cuts, seed] = [values.states, values.kills, values.cuts, values.seed].map(Number);
if (![states, kills, cuts, seed].every((each) => Number.isSafeInteger(each) && each! >= 0)) {
  console.error('--states, --kills, --cuts and --seed take whole numbers');
  process.exit(64);
}

function told(what: string, { rounds, acknowledged, recovered, torn, lost }: Trials): string {
  const counts = `${acknowledged} entries acknowledged, ${recovered} there, ${lost.length} lost`;
  return [`${rounds} ${what}: ${counts}; ${torn} left a write half done`, ...lost.slice(0, 20)].join('\n  ');
}

const results: Record<string, Trials> = {};
const run = async (what: string, trials: Promise<Trials>) => {
  results[what] = await trials;
  if (!values.json) console.log(told(what, results[what]));
};

if (!values.json) console.log(`seed ${seed}`);
const onDisk = await judgeManyLives(states!, seed!);
if (!values.json) {
  const counts = `${onDisk.count} crash states of the model disk, ${onDisk.broken.length} broken`;
  console.log([counts, ...onDisk.broken.slice(0, 20)].join('\n  '));
}
if (kills! > 0) await run('kills', killAgainAndAgain({ rounds: kills!, seed: seed! }));
const reason = cuts! > 0 ? whyNoDisk() : undefined;
if (reason !== undefined && !values.json) console.log(`no power cuts: ${reason}`);
if (cuts! > 0 && reason === undefined) await run('power cuts', cutAgainAndAgain({ rounds: cuts!, seed: seed! }));
if (values.json) console.log(JSON.stringify({ seed, states: onDisk, ...results }, null, 2));
if (onDisk.broken.length > 0 || Object.values(results).some(({ lost }) => lost.length > 0)) process.exitCode = 1;
