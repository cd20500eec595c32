import { printDuration } from '../base/duration.ts';
import type { RunningClock } from './answers.ts';
import type { Paint } from './paint.ts';
import { renderRows } from './table.ts';

/** More than a person reads at once; `kintsugi breach` has all of them. */
const SHOWN_MAX = 10;
const TENANTS_MAX = 3;

/** Running clocks of losses for people, one line each: what is left, and of whom. Empty when none runs. */
export function clockLines(clocks: readonly RunningClock[], paint: Paint): readonly string[] {
  const rows = clocks
    .slice(0, SHOWN_MAX)
    .map((each) => [
      'breach',
      each.clock,
      tenantsIn(each),
      painted(each, paint),
      `kintsugi breach show ${each.breach}`,
    ]);
  const rest = clocks.length - SHOWN_MAX;
  const lines = rows.length === 0 ? [] : renderRows(rows).trimEnd().split('\n');
  return rest > 0 ? [...lines, `and ${rest} more clocks: kintsugi breach`] : lines;
}

/** The same as a section of the status. */
export function renderClocks(clocks: readonly RunningClock[], paint: Paint): string {
  const lines = clockLines(clocks, paint);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function tenantsIn({ tenants }: RunningClock): string {
  return tenants.length > TENANTS_MAX ? `${tenants.length} tenants` : tenants.join(', ');
}

/** `due-soon` begins at the share of the clock at which it reminds: 80 % unless the policy says another. */
function painted({ state, leftMs }: RunningClock, paint: Paint): string {
  if (state === 'overdue') return paint('red', `${printDuration(-leftMs)} overdue`);
  const left = `${printDuration(leftMs)} left`;
  return state === 'due-soon' ? paint('yellow', left) : left;
}
