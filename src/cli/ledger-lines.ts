import { stripVTControlCharacters } from 'node:util';
import type { IndexedEvent } from '../ledger/client.ts';
import type { Verdict } from '../ledger/verify.ts';
import type { PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { renderRows } from './table.ts';

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
  return `${paintWord(paint, verdict.kind)}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
}

/** A witness that saw a checkpoint, and when. */
export interface WitnessedAt {
  readonly name: string;
  readonly at: string;
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
    }
  | { readonly kind: 'tampered'; readonly file: string; readonly reason: string; readonly index?: number };

export function renderLog(verdict: LogVerdict, paint: Paint): string {
  const rows =
    verdict.kind === 'tampered'
      ? tamperedRows(verdict)
      : ([
          ['log', verdict.origin],
          ['entries', `${verdict.size} under the signed checkpoint`],
          ['root', verdict.root],
          ['key', verdict.vkey],
          ...witnessRows(verdict.witnesses),
        ] as const);
  return `${paintWord(paint, verdict.kind)}\n${renderRows(rows.map(([name, value]) => [`  ${name}`, value]))}`;
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
    ['root', root],
    ['key', `${vkey}${trusted ? '' : ' (from the same folder: compare it with one that was noted elsewhere)'}`],
    ...(unsigned > 0 ? ([['unsigned', `${unsigned} behind the checkpoint, sound`]] as [string, string][]) : []),
    ...(tornBytes > 0
      ? ([['torn', `${tornBytes} bytes of a write that was cut off, never acknowledged`]] as [string, string][])
      : []),
  ];
}

type Tampering = Pick<Extract<Verdict, { kind: 'tampered' }>, 'file' | 'reason' | 'index' | 'offset'>;

function tamperedRows({ file, reason, index, offset }: Tampering): [string, string][] {
  return [
    ['reason', reason],
    ['file', offset === undefined ? file : `${file}, at byte ${offset}`],
    ...(index === undefined ? [] : ([['entry', String(index)]] as [string, string][])),
  ];
}
