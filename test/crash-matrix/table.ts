import type { Outcome } from '../../src/heal/plan.ts';
import { type CourseResult, trialsOf, WHOLE } from './matrix.ts';

const OUTCOMES: readonly Outcome[] = ['healed', 'unwound', 'stuck', 'escalated', 'refused'];

/** All that was found in one line. */
export function summaryOf(results: readonly CourseResult[]) {
  const sum = (of: (result: CourseResult) => number) => results.reduce((total, each) => total + of(each), 0);
  const ends = Object.fromEntries(OUTCOMES.map((end) => [end, results.filter((each) => each.ends === end).length]));
  return {
    courses: results.length,
    moments: sum((each) => each.acts * 2),
    trials: sum((each) => each.trials),
    ends,
    holes: sum((each) => each.holes.length),
  };
}

/** A line for each move and playbook. */
function rowsOf(results: readonly CourseResult[], trials: (result: CourseResult) => number): readonly string[][] {
  return [...Map.groupBy(results, (each) => each.of)].map(([of, courses]) => {
    const { moments, ends, holes } = summaryOf(courses);
    const counts = OUTCOMES.map((end) => String(ends[end]));
    const ran = courses.reduce((total, each) => total + trials(each), 0);
    return [of, String(courses.length), String(moments), ...counts, String(ran), String(holes)];
  });
}

const HEAD = ['move or playbook', 'courses', 'moments', ...OUTCOMES, 'trials', 'holes'];

/** For the terminal, with what is wrong below it. */
export function renderTable(results: readonly CourseResult[]): string {
  const rows = [HEAD, ...rowsOf(results, (each) => each.trials)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const holes = results.flatMap(({ of, what, holes }) => holes.map((hole) => `${of}, ${what}: ${hole}`));
  const { courses, moments, trials } = summaryOf(results);
  const total = `${trials} trials of ${courses} courses with ${moments} moments to die at: ${holes.length} holes`;
  return [...rows.map(line), '', ...holes, total].join('\n');
}

/** `docs/crash-matrix.md`. The trials are those of a whole run, also when only a part of it was made to check the page. */
export function renderPage(results: readonly CourseResult[]): string {
  const rows = rowsOf(results, (each) => trialsOf(each, WHOLE));
  const cells = [HEAD, HEAD.map((_, i) => (i === 0 ? '---' : '--:')), ...rows];
  const table = cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
  const { courses, moments, holes } = summaryOf(results);
  const trials = results.reduce((total, each) => total + trialsOf(each, WHOLE), 0);
  return `${PREFACE}
${table}

In all: ${courses} courses, ${moments} moments to die at, ${trials} trials, ${holes} holes.
`;
}

const PREFACE = `# Crash matrix

The healer is killed in the middle of its own work, everywhere. What must come of that is always the same: the repair ends
as it would have ended if nobody had died, or, where it is taken back, the world is exactly as before.

**A course** is one way in which a repair can go: the move heals; it does not; no data say whether it does; a guard denies
it; people approve, reject or cancel it in flight or while it is verified; it is one of several steps of a rung; it cannot be
taken back; what it starts never becomes ready; and each single effect of its apply and of its undo fails in turn. Courses
of playbooks climb the ladders that are built in.

**A moment** is before or after one thing that the healer does: a write into the journal, or a call of a driver. At each
moment of each course the leader

- *is killed*: the process is gone, the next leader goes on from the journal;
- *is deposed*: it is told that it no longer leads, and lives on;
- *stands still*, as under SIGSTOP: another replica takes over and ends the repair, and then the first one wakes up and
  goes on as if nothing had been;
- *is killed, and the next leader is killed too*, at every pair of moments of the plain courses of each move, and at up
  to 400 pairs, spread evenly, of the others.

**A hole** is any of these: another end than without a death; an end written twice; an effect without its intent before it;
an effect made twice; an effect or a write of a former leader; a world that is not as before after *unwound* or *refused*,
or not as without a death otherwise; an instance on its way, or running without a slot; a budget spent twice or not at all;
a target that somebody else could take meanwhile. *Stuck* is an end only of courses in which an undo was made to fail.

The slots of the simulated fleet are changed by the code of the real one (\`src/drivers/succession.ts\` and
\`scaling.ts\`), the moves and the executor are the real ones. What real processes do is in \`test/e2e/crash-moves.test.ts\`.

Made by \`npm run crash-matrix -- --write\`; a test checks that this page is current. \`npm run crash-matrix\` runs it again,
\`-- --json\` gives every course.
`;
