import type { ViolatedControl } from './drill-control-fault.ts';
import type { DrillResult, RecordedDrill } from './drill-fault.ts';
import { printDuration } from '../base/duration.ts';
import { type Paint, paintWord } from './paint.ts';
import { renderRows } from './table.ts';

/** The result for people. `recorded` says under which id it is on record. */
export function renderDrill(result: DrillResult, recorded: RecordedDrill | undefined, paint: Paint): string {
  const rows = [
    ['  detected after', printDuration(result.detectedMs)],
    ['  incident opened after', printDuration(result.openedMs)],
    ['  replacement ready after', printDuration(result.replacedMs)],
    ['  process back after', printDuration(result.restartedMs)],
    ['  healed and closed after', printDuration(result.closedMs)],
    ['  incident', result.incident === null ? '-' : `${result.incident}, ${result.incidentOutcome}`],
    ['  all good again after', printDuration(result.satisfiedMs)],
    ...(result.controls.length > 0 ? [] : [['  failed requests', failedText(result)]]),
    ['  data lost', lostText(recorded?.dataLostMs ?? null)],
    ['  fault', result.takenBack ? 'taken back' : 'was over'],
    ['  on record as', recorded?.id ?? 'nothing: control stayed away'],
  ].filter(([, value]) => value !== '-');
  return `${result.fault} on ${result.target}: ${paintWord(paint, result.outcome)}\n${renderRows(rows)}${renderViolated(result.controls)}`;
}

function lostText(ms: number | null): string {
  if (ms === null) return '-';
  return ms === 0 ? 'none, by the logs of the database servers' : printDuration(ms);
}

/** One line a control and tenant, the first to be found first. */
function renderViolated(controls: readonly ViolatedControl[]): string {
  if (controls.length === 0) return '';
  const rows = controls
    .toSorted((a, b) => a.violatedMs - b.violatedMs)
    .map(({ tenant, control, clause, turned, violatedMs, restoredMs, reason }) => [
      `  ${tenant}`,
      control,
      `clause ${clause}`,
      turned
        ? `not satisfied after ${printDuration(violatedMs)}`
        : `violated for one more reason after ${printDuration(violatedMs)}`,
      `good again after ${printDuration(restoredMs)}`,
      reason,
    ]);
  return `controls\n${renderRows(rows)}`;
}

function failedText({ tenants }: DrillResult): string {
  if (tenants === null) return 'not known: the ledger did not answer';
  if (tenants.length === 0) return 'no request was made';
  return tenants
    .map(({ tenant, requests, failed, refused }) => {
      return `${tenant} ${failed} of ${requests}${refused > 0 ? ` (and ${refused} refused)` : ''}`;
    })
    .join(', ');
}
