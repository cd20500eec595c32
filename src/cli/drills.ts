import type { Command } from 'commander';
import type { DrillEvidence } from '../evidence/drill-record.ts';
import { printDuration } from '../base/duration.ts';
import type { Binder, Invocation } from './invocation.ts';
import { renderRows, renderTable } from './table.ts';

interface DrillLine {
  readonly id: string;
  readonly fault: string;
  readonly target: string;
  readonly by: string;
  readonly endedAt: string | null;
  readonly result: { readonly outcome?: string; readonly detectedMs?: number | null };
}

interface DrillAnswer {
  readonly drill: DrillEvidence;
  readonly isSigned: boolean;
  readonly envelope: string;
  readonly publicKey: string;
}

/** `kintsugi drills`: drills on record, which attestations cite. */
export function declareDrills(program: Command, binder: Binder): void {
  const drills = program
    .command('drills')
    .description('drills on record, newest first; one of them with its signed record')
    .argument('[id]', 'as a drill-attestation cites it');
  binder.bind(drills, async (invocation, _options, id) => {
    if (id === undefined) return list(invocation);
    const answer = await invocation.ask<DrillAnswer>('GET', `/v1/drills/${encodeURIComponent(id)}`);
    invocation.print(answer, () => renderDrill(answer));
  });
}

async function list(invocation: Invocation): Promise<void> {
  const { drills } = await invocation.ask<{ drills: readonly DrillLine[] }>('GET', '/v1/drills');
  const columns = ['drill', 'what', 'target', 'outcome', 'detected', 'by', 'over'].map((title) => ({ title }));
  invocation.print({ drills }, () => {
    if (drills.length === 0) return 'no drill is on record: see `kintsugi drill --help`\n';
    const rows = drills.map(({ id, fault, target, by, endedAt, result }) => {
      return [id, fault, target, result.outcome ?? '-', printDuration(result.detectedMs), by, endedAt ?? '-'];
    });
    return renderTable(columns, rows);
  });
}

function renderDrill({ drill, isSigned }: DrillAnswer): string {
  const rows = [
    ['scenario', `${drill.scenario} on ${drill.target}`],
    ['from', drill.startedAt],
    ['to', drill.endedAt],
    ['outcome', drill.outcome],
    ['detected after', printDuration(drill.detectedAfterMs)],
    ['recovered after', printDuration(drill.recoveredAfterMs)],
    ['data lost', drill.dataLostMs === null ? 'not measured by this drill' : printDuration(drill.dataLostMs)],
    ['fault', drill.isTakenBack ? 'taken back' : 'was over'],
    ['incident', drill.incident ?? 'none'],
    ['participants', drill.participants.join(', ')],
    ['signature', isSigned ? 'of this installation, holds' : 'DOES NOT HOLD: the record was changed'],
    ...drill.controls.map(({ tenant, control, status }) => [
      'turned meanwhile',
      `${tenant} ${control}, then ${status}`,
    ]),
  ];
  return `${drill.id}\n\n${renderRows(rows)}`;
}
