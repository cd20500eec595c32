/** `npm run judge`: runs scenario files against the whole healer and counts what it did, also the harm. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeError, KinError } from '../../src/base/errors.ts';
import { SCENARIO_DOCS, withFieldTables } from '../scenarios/docs.ts';
import { readScenarios, type ScenarioFile } from '../scenarios/load.ts';
import { judgeAll } from './court.ts';
import { trialOf } from './judge.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { drillAll } from './real.ts';
import { renderReport } from './report.ts';
import { type Judgement, missedAims, toDocument } from './scoreboard.ts';
import { tellStory } from './story.ts';

const PACKS = fileURLToPath(new URL('../scenarios', import.meta.url));
const EXIT_USAGE = 64;
const EXIT_MISSED = 1;
const EXIT_FAULT = 2;

async function main(options: Options): Promise<void> {
  if (options.help) return void process.stdout.write(USAGE);
  if (options.writeDocs) return writeFileSync(SCENARIO_DOCS, withFieldTables(readFileSync(SCENARIO_DOCS, 'utf8')));
  const files = chosen(await readScenarios(options.files.length > 0 ? options.files : [PACKS]), options);
  if (options.story) return await tell(files, options);
  if (options.real) return await drill(files, options);
  const judgements = await judgeAll(files, options, options.threads, progress(files.length));
  const document = toDocument(judgements, { seed: options.seed, healer: options.healer });
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : renderReport(judgements));
  if (options.aims && missedAims(judgements).length > 0) process.exitCode = EXIT_MISSED;
}

function chosen(files: readonly ScenarioFile[], { packs, scenarios }: Options): readonly ScenarioFile[] {
  const found = files.filter(
    ({ scenario }) =>
      (packs.length === 0 || packs.includes(scenario.pack)) &&
      (scenarios.length === 0 || scenarios.includes(scenario.scenario)),
  );
  if (found.length > 0) return found;
  const what = [...packs.map((each) => `pack ${each}`), ...scenarios.map((each) => `scenario ${each}`)].join(', ');
  throw new KinError('usage.invalid', `there is no ${what}`);
}

async function tell(files: readonly ScenarioFile[], options: Options): Promise<void> {
  for (const file of files) process.stdout.write(`${tellStory(file.scenario, await trialOf(file, options))}\n`);
}

async function drill(files: readonly ScenarioFile[], options: Options): Promise<void> {
  const drills = await drillAll(files, (line) => void process.stderr.write(`${line}\n`));
  const lines = drills.map(({ scenario, isGood, text }) => `${isGood ? 'ok' : '--'} ${scenario}: ${text}\n`);
  process.stdout.write(options.json ? `${JSON.stringify({ drills }, null, 2)}\n` : lines.join(''));
  if (options.aims && drills.some(({ isGood }) => !isGood)) process.exitCode = EXIT_MISSED;
}

function progress(all: number): (judgement: Judgement) => void {
  let done = 0;
  return ({ pack, scenario, score }) => {
    done += 1;
    process.stderr.write(`${done}/${all} ${score.resolved ? 'ok' : '--'} ${pack}/${scenario}\n`);
  };
}

function isMisuse(error: unknown): error is Error {
  if (error instanceof KinError) return error.code === 'usage.invalid';
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(isMisuse(error) ? `${error.message}\n\n${USAGE}` : `${describeError(error)}\n`);
  process.exitCode = isMisuse(error) ? EXIT_USAGE : EXIT_FAULT;
}
