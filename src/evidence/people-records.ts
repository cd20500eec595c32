import { parse } from 'csv-parse/sync';
import { fromIso, toIso } from '../base/clock.ts';
import { digestOfJson } from '../base/digest.ts';
import { RECORD_KIND_NAMES, RECORD_KINDS, type RecordKindName } from '../resources/record-kinds.ts';
import { suggestion } from '../resources/schema-issue.ts';

/** One thing that people did, as somebody signed it. Dates are of the calendar: `2026-11-21`. */
export interface PeopleRecord {
  readonly kind: RecordKindName;
  /** Name of a tenant or of a processor, an id of a person that is no name, or `platform`. */
  readonly about: string;
  readonly done: string;
  /** The first day on which it no longer counts. */
  readonly expires: string;
  /** Who answers for it. */
  readonly owner: string;
  /** Where it is found: a document with its version or digest, a record, an address. */
  readonly reference: string;
  /** Of a scan: findings that are open. */
  readonly open: number | null;
}

/** What is wrong with one line. Lines count from 1, the header included. */
export interface RecordProblem {
  readonly line: number;
  readonly column: string;
  readonly message: string;
}

/** What the names in a file may be. */
export interface RecordScope {
  /** Ms since 1970. */
  readonly now: number;
  readonly tenants: readonly string[];
  /** Ids of drills that are on record. */
  readonly drills: readonly string[];
}

export const RECORD_COLUMNS = ['kind', 'about', 'done', 'expires', 'owner', 'reference', 'open'] as const;
const REQUIRED = RECORD_COLUMNS.slice(0, -1);

const LINES_MAX = 1_000;
const TEXT_MAX = 300;
const DAY_MS = 86_400_000;
/** Nobody signs for longer: 45 CFR 164.316(b)(2)(i) asks to keep for six years, not to trust for so long. */
const VALID_DAYS_MAX = 6 * 366;

type Row = Readonly<Record<string, string>>;

/** The records in a CSV file (RFC 4180, with a header), or everything that is wrong with it. */
export function readRecords(text: string, scope: RecordScope): readonly PeopleRecord[] | readonly RecordProblem[] {
  const read = readRows(text);
  if ('problem' in read) return [read.problem];
  const problems: RecordProblem[] = [];
  const records: PeopleRecord[] = [];
  const seen = new Set<string>();
  for (const { row, line } of read.rows) {
    const wrong = checkRow(row, scope);
    problems.push(...wrong.map((each) => ({ line, ...each })));
    if (wrong.length > 0) continue;
    const record = recordOf(row);
    const digest = digestOfJson(record);
    if (seen.has(digest)) problems.push({ line, column: 'kind', message: 'stands in the file twice' });
    seen.add(digest);
    records.push(record);
  }
  if (read.rows.length === 0) problems.push({ line: 1, column: 'kind', message: 'the file holds no record' });
  return problems.length > 0 ? problems : records;
}

/** Whether what was read is wrong. */
export function isProblems(read: readonly PeopleRecord[] | readonly RecordProblem[]): read is readonly RecordProblem[] {
  return read.some((each) => 'message' in each);
}

interface Read {
  readonly rows: readonly { readonly row: Row; readonly line: number }[];
}

function readRows(text: string): Read | { readonly problem: RecordProblem } {
  try {
    const parsed = parse(text, {
      columns: true,
      info: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: 10_000,
    }) as unknown as readonly {
      readonly record: Row;
      readonly info: { readonly lines: number };
    }[];
    const columns = Object.keys(parsed[0]?.record ?? Object.fromEntries(headerOf(text).map((each) => [each, ''])));
    const strange = columns.find((each) => !(RECORD_COLUMNS as readonly string[]).includes(each));
    const missing = REQUIRED.find((each) => !columns.includes(each));
    const head = (column: string, message: string) => ({ problem: { line: 1, column, message } });
    if (missing !== undefined) return head(missing, `is missing; the header is ${RECORD_COLUMNS.join(',')}`);
    if (strange !== undefined) return head(strange, `is not known; the header is ${RECORD_COLUMNS.join(',')}`);
    if (parsed.length > LINES_MAX) return head('kind', `the file holds more than ${LINES_MAX} records: split it`);
    return { rows: parsed.map(({ record, info }) => ({ row: record, line: info.lines })) };
  } catch (error) {
    // The message of the parser may quote the line; its code does not.
    const { code, lines } = error as { code?: string; lines?: number };
    return {
      problem: { line: lines ?? 1, column: 'kind', message: `is not CSV with a header (${code ?? 'unreadable'})` },
    };
  }
}

function headerOf(text: string): readonly string[] {
  return (text.split('\n', 1)[0] ?? '')
    .replace(/^\uFEFF/, '')
    .trim()
    .split(',')
    .filter((each) => each !== '');
}

type Complaint = Omit<RecordProblem, 'line'>;

function checkRow(row: Row, scope: RecordScope): readonly Complaint[] {
  const empty = REQUIRED.filter((column) => (row[column] ?? '') === '');
  if (empty.length > 0) return empty.map((column) => ({ column, message: 'is empty' }));
  const long = RECORD_COLUMNS.find((column) => (row[column] ?? '').length > TEXT_MAX);
  if (long !== undefined) return [{ column: long, message: `is longer than ${TEXT_MAX} characters` }];
  const kind = row['kind'] ?? '';
  if (!Object.hasOwn(RECORD_KINDS, kind)) {
    return [{ column: 'kind', message: `there is no kind ${kind}${suggestion(kind, RECORD_KIND_NAMES)}` }];
  }
  return [
    ...checkAbout(row, RECORD_KINDS[kind as RecordKindName].about, scope),
    ...checkDates(row, scope.now),
    ...(kind === 'drill-attestation' ? checkCitation(row['reference'] ?? '', scope) : []),
    ...checkOpen(row),
  ];
}

function checkAbout(row: Row, about: string, { tenants }: RecordScope): readonly Complaint[] {
  const given = row['about'] ?? '';
  const complain = (message: string) => [{ column: 'about', message }];
  switch (about) {
    case 'platform':
      return given === 'platform' ? [] : complain(`must be \`platform\`: a ${row['kind']} is about all of it`);
    case 'tenant':
      return tenants.includes(given) ? [] : complain(`there is no tenant ${given}${suggestion(given, tenants)}`);
    case 'person':
      // Names of people have no place in facts, reports and the ledger.
      return /^(?=.*\d)[A-Za-z0-9._-]{1,64}$/.test(given)
        ? []
        : complain('must be an id of yours with a number in it, such as hr-4711: no name, no address');
    default:
      return /^[\w .,&()-]{1,100}$/.test(given)
        ? []
        : complain('must be the name of the processor, as tenants list it');
  }
}

function checkDates(row: Row, now: number): readonly Complaint[] {
  const [done, expires] = [dayOf(row['done']), dayOf(row['expires'])];
  const form = 'must be a day such as 2026-11-21';
  if (done === undefined) return [{ column: 'done', message: form }];
  if (expires === undefined) return [{ column: 'expires', message: form }];
  if (done > now) return [{ column: 'done', message: 'lies in the future' }];
  if (expires <= done) return [{ column: 'expires', message: 'must be after the day on which it was done' }];
  if (expires <= now) return [{ column: 'expires', message: 'has passed: do it again, and sign the new record' }];
  if (expires - done > VALID_DAYS_MAX * DAY_MS)
    return [{ column: 'expires', message: 'is more than six years after it was done' }];
  return [];
}

/** A runbook says what should be done; only a record says that it was. */
function checkCitation(reference: string, { drills }: RecordScope): readonly Complaint[] {
  const complain = (message: string) => [{ column: 'reference', message }];
  if (/runbook|playbook|wiki|\.md$/i.test(reference))
    return complain('cites a runbook, which proves no drill: cite its record, drl_...');
  if (reference.startsWith('drl_'))
    return drills.includes(reference) ? [] : complain(`no drill ${reference} is on record`);
  const url = URL.parse(reference);
  if (url?.protocol === 'https:' && /\d/.test(url.pathname)) return [];
  return complain('must be the id of a drill on record (drl_...), or the https address of one run with its number');
}

function checkOpen(row: Row): readonly Complaint[] {
  const open = row['open'] ?? '';
  const isScan = row['kind'] === 'internal-scan';
  if (!isScan) return open === '' ? [] : [{ column: 'open', message: 'is only for scans: how many findings are open' }];
  return /^\d{1,6}$/.test(open)
    ? []
    : [{ column: 'open', message: 'must say how many high and critical findings are open' }];
}

function dayOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const at = fromIso(`${text}T00:00:00Z`);
  // 2026-02-31 is no day, and would be read as one of March.
  return Number.isNaN(at) || !toIso(at).startsWith(text) ? undefined : at;
}

function recordOf(row: Row): PeopleRecord {
  const text = (column: string) => row[column] ?? '';
  const open = text('open') === '' ? null : Number(text('open'));
  const kind = text('kind') as RecordKindName;
  return {
    kind,
    about: text('about'),
    done: text('done'),
    expires: text('expires'),
    owner: text('owner'),
    reference: text('reference'),
    open,
  };
}
