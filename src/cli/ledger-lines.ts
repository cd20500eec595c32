import { stripVTControlCharacters } from 'node:util';
import type { IndexedEvent } from '../ledger/client.ts';
import type { Verdict } from '../ledger/verify.ts';
import type { LawfulErasure } from '../ledger/record-check.ts';
import type { TenantVerdict } from '../ledger/tenant-record.ts';
import type { PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { renderRows } from './table.ts';

const ERASURES_SHOWN = 10;

/** One entry on one line: place, time, type, whom it is about, what else is known. */
export function renderEntry({ index, event }: IndexedEvent, paint: Paint, time: PrintTime): string {
  const { at, type, actor, subject, tenant, data } = event;
  const facts = Object.entries(data).map(([name, value]) => {
    return `${paint('dim', `${name}=`)}${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  const by = tenant === undefined || actor.name !== tenant ? `by ${actor.name}` : `for ${tenant}`;
  const head = `${String(index).padStart(7)} ${time(at)} ${type.padEnd(18)}`;
  return `${[head, subject, by, ...facts].join(' ')}\n`;
}

/** What a verification found. `trusted` tells whether the key came from elsewhere. */
export function renderVerdict(verdict: Verdict, trusted: boolean, paint: Paint): string {
  const rows = verdict.kind === 'intact' ? intactRows(verdict, trusted) : tamperedRows(verdict);
  const erased = verdict.kind === 'intact' && verdict.erasures.length > 0 ? `, ${lawfully(verdict.erasures)}` : '';
  return `${paintWord(paint, verdict.kind)}${erased}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
}

/** What is gone, and why that is no tampering. */
function lawfully(erasures: readonly LawfulErasure[]): string {
  const entries = erasures.map(({ entry }) => entry).toSorted((a, b) => a - b);
  const shown = entries.slice(0, ERASURES_SHOWN).join(', ');
  const more = entries.length > ERASURES_SHOWN ? ` and ${entries.length - ERASURES_SHOWN} more` : '';
  return `lawfully erased at ${entries.length === 1 ? 'entry' : 'entries'} ${shown}${more}`;
}

/** A witness that saw a checkpoint, and when. */
export interface WitnessedAt {
  readonly name: string;
  readonly at: string;
}

/** Entries that are no longer there, and the entry that says that they were pruned. */
export interface PrunedBefore {
  readonly before: number;
  readonly by: number;
}

/** What the verification of a log elsewhere found. */
export type LogVerdict =
  | {
      readonly kind: 'intact' | 'unwitnessed';
      readonly origin: string;
      readonly size: number;
      readonly root: string;
      readonly vkey: string;
      readonly witnesses: readonly WitnessedAt[];
      readonly pruned?: PrunedBefore;
    }
  | { readonly kind: 'tampered'; readonly file: string; readonly reason: string; readonly index?: number };

export function renderLog(verdict: LogVerdict, paint: Paint): string {
  const rows =
    verdict.kind === 'tampered'
      ? tamperedRows(verdict)
      : ([
          ['log', verdict.origin],
          ['entries', `${verdict.size} under the signed checkpoint`],
          ...prunedRows(verdict.pruned),
          ['root', verdict.root],
          ['key', verdict.vkey],
          ...witnessRows(verdict.witnesses),
        ] as const);
  return `${paintWord(paint, verdict.kind)}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
}

export function renderTenant(verdict: TenantVerdict, paint: Paint): string {
  if (verdict.kind === 'tampered') {
    const rows = [
      ['reason', verdict.reason],
      ...(verdict.index === undefined ? [] : [['entry', String(verdict.index)]]),
    ];
    return `${paintWord(paint, verdict.kind)}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value ?? '']))}`;
  }
  const { kind, tenant, origin, entries, from, size, hasPayloads, erasures } = verdict;
  const rows: [string, string][] = [
    ['tenant', tenant],
    [
      'entries',
      `${entries}, numbers ${from} to ${from + entries - 1} without a gap; ${size} of all under the checkpoint`,
    ],
    ...(from > 1 ? ([['beginning', `numbers 1 to ${from - 1} are not here`]] as [string, string][]) : []),
    ['log', origin],
    ['payloads', hasPayloads ? 'each is here or lawfully erased' : 'not here, not looked at'],
  ];
  const erased = erasures.length > 0 ? `, ${lawfully(erasures)}` : '';
  return `${paintWord(paint, kind)}${erased}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
}

/** What a receipt proves. */
export interface ReceiptVerdict {
  readonly kind: 'proven' | 'unwitnessed';
  readonly index: number;
  readonly origin: string;
  readonly size: number;
  readonly witnesses: readonly WitnessedAt[];
  /** The entry as it was signed for. */
  readonly entry: string;
}

export function renderReceipt(verdict: ReceiptVerdict, paint: Paint): string {
  const { kind, index, origin, size, witnesses, entry } = verdict;
  const rows = [
    ['log', origin],
    ['entry', `${index} of ${size}`],
    ...witnessRows(witnesses),
    ['record', stripVTControlCharacters(entry)],
  ] as const;
  return `${paintWord(paint, kind)}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
}

function witnessRows(witnesses: readonly WitnessedAt[]): (readonly [string, string])[] {
  return witnesses.map(({ name, at }) => ['witness', `${name} saw it at ${at}`]);
}

function intactRows(verdict: Extract<Verdict, { kind: 'intact' }>, trusted: boolean): [string, string][] {
  const { size, root, checkpointAt, unsigned, tornBytes, vkey } = verdict;
  return [
    ['entries', `${size} under the signed checkpoint${checkpointAt === undefined ? '' : ` of ${checkpointAt}`}`],
    ...prunedRows(verdict.pruned),
    ['root', root],
    ['key', `${vkey}${trusted ? '' : ' (from the same folder: compare it with one that was noted elsewhere)'}`],
    ...verdict.erasures.map(({ entry, request, legalBasis, payloads }): [string, string] => {
      return ['erased', `${payloads} payloads by ${request}, ${stripVTControlCharacters(legalBasis)} (entry ${entry})`];
    }),
    ...(unsigned > 0 ? ([['unsigned', `${unsigned} behind the checkpoint, sound`]] as [string, string][]) : []),
    ...(tornBytes > 0
      ? ([['torn', `${tornBytes} bytes of a write that was cut off, never acknowledged`]] as [string, string][])
      : []),
  ];
}

function prunedRows(pruned: PrunedBefore | undefined): [string, string][] {
  return pruned ? [['pruned', `those before ${pruned.before}, after their retention: entry ${pruned.by} says so`]] : [];
}

type Tampering = Pick<Extract<Verdict, { kind: 'tampered' }>, 'file' | 'reason' | 'index' | 'offset'>;

function tamperedRows({ file, reason, index, offset }: Tampering): [string, string][] {
  return [
    ['reason', reason],
    ['file', offset === undefined ? file : `${file}, at byte ${offset}`],
    ...(index === undefined ? [] : ([['entry', String(index)]] as [string, string][])),
  ];
}
