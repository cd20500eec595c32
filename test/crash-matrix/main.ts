/**
 * `npm run crash-matrix [-- --json] [--write] [--pairs-max N]`: kills the healer before and after each thing that it
 * does, for every playbook and every move, and tells what came of it. Exits with 1 when there is a hole.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runMatrix, WHOLE } from './matrix.ts';
import { renderPage, renderTable, summaryOf } from './table.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'crash-matrix.md');

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    'pairs-max': { type: 'string', default: String(WHOLE.pairsMax) },
  },
});

const pairsMax = Number(values['pairs-max']);
if (!Number.isInteger(pairsMax) || pairsMax < 1) {
  console.error('--pairs-max takes a number from 1 on');
  process.exit(64);
}
const results = await runMatrix({ ...WHOLE, pairsMax });
const summary = summaryOf(results);
if (values.write && summary.holes === 0) writeFileSync(PAGE, renderPage(results));
if (values.json) console.log(JSON.stringify({ ...summary, courses: results }, null, 2));
else console.log(renderTable(results));
if (summary.holes > 0) process.exitCode = 1;
