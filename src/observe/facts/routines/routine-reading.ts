import type { DynamicText, Hole } from './dynamic-text.ts';
import type { GuardedTable, Reading, Routine, Statement } from './routine.ts';
import { RoutineFrame, tellers } from './routine-frame.ts';
import { type Mention, mentionsIn } from './sql-mentions.ts';
import { comparisonsIn, reduced } from './sql-narrowing.ts';
import { BODY_MAX, isWord, statementsOf, type Token, tokensOf } from './sql-tokens.ts';

const DEPTH_MAX = 6;

/**
 * Reads what routines do, whoever they call and whatever text they make. `past` is what is sure: rows of a table are named, its
 * policies do not bind the one as whom the routine runs, and no comparison with the tenant of the session narrows them; or a
 * caller hands in text that is run, or the name of what is read. `unread` is text of which nobody can say what it reads.
 */
export class RoutineReader {
  readonly #routines: readonly Routine[];
  readonly #tables: readonly GuardedTable[];
  readonly #told: ReadonlyMap<string, string>;
  readonly #known = new Map<string, Reading>();

  constructor(routines: readonly Routine[], tables: readonly GuardedTable[]) {
    this.#routines = routines;
    this.#tables = tables;
    this.#told = tellers(routines);
  }

  /** As whom: the oid of the role with whose rights a routine runs that has none of its own. */
  read(routine: Routine, as: number = routine.owner, depth = 0): Reading {
    const owner = routine.isDefiner ? routine.owner : as;
    const key = `${routine.oid}/${owner}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (depth > DEPTH_MAX) return 'unread';
    // One that calls itself reads what it reads.
    this.#known.set(key, 'apart');
    const reading = this.#looked(routine, owner, depth);
    this.#known.set(key, reading);
    return reading;
  }

  #looked(routine: Routine, owner: number, depth: number): Reading {
    const open = this.#tables.filter(({ unbound }) => unbound.includes(owner));
    if (!['sql', 'plpgsql'].includes(routine.language)) return foreignReading(routine, open);
    if (routine.body.length > BODY_MAX) return open.length > 0 ? 'unread' : 'apart';
    const body = tokensOf(routine.body);
    const statements = statementsOf(body);
    const frame = new RoutineFrame(routine, body, statements, this.#tables, this.#told);
    const judge = (statement: Statement, holes: readonly Hole[]) =>
      this.#judged(statement, holes, { frame, open, owner, depth });
    const dynamic = open.length > 0 ? frame.texts.map((text) => dynamicReading(text, judge)) : [];
    return worst([...statements.map((each) => judge(each, [])), ...dynamic]);
  }

  #judged(statement: Statement, holes: readonly Hole[], scene: Scene): Reading {
    const { frame, open } = scene;
    const tokens = statement.map((token) =>
      isTenantHole(token, holes) ? { kind: 'tenant' as const, text: '' } : token,
    );
    const read = mentionsIn(tokens).flatMap((mention) => this.#meant(mention, holes, scene));
    if (read.length === 0) return disables(tokens, open) ? 'past' : 'apart';
    const tables = read.flatMap(({ tables }) => tables);
    const words = frame.wordsFor(tables);
    const short = reduced(tokens, words);
    const told = short.filter(({ kind }) => kind === 'tenant').length;
    const compared = comparisonsIn(short, words);
    const inserted = Math.min(read.filter(({ mention }) => mention.isInserted).length, told - compared);
    if (read.length <= compared + inserted) return 'apart';
    return worst(read.map(({ reading }) => reading));
  }

  /** What a mention reads past the policies, if anything. */
  #meant(mention: Mention, holes: readonly Hole[], scene: Scene): readonly Met[] {
    const { open, owner, depth } = scene;
    const { name, schema } = mention;
    if (name.kind === 'hole') return metHole(mention, holes[Number(name.text)], open);
    if (mention.kind === 'relation') {
      const table = open.find((each) => each.name === name.text && (schema === null || each.schema === schema));
      if (table) return [{ mention, tables: [table], reading: 'past' }];
    }
    const kind = mention.kind === 'call' ? 'function' : 'view';
    const called = this.#routines.filter((each) => each.kind === kind && isCalled(each, mention));
    const reading = worst(called.map((each) => this.read(each, owner, depth + 1)));
    // Whatever it reads, the columns have names of its own.
    return reading === 'apart' ? [] : [{ mention, tables: open.map((each) => ({ ...each, columns: [] })), reading }];
  }
}

interface Scene {
  readonly frame: RoutineFrame;
  /** Tables whose policies do not bind whoever runs it. */
  readonly open: readonly GuardedTable[];
  readonly owner: number;
  readonly depth: number;
}

interface Met {
  readonly mention: Mention;
  readonly tables: readonly GuardedTable[];
  readonly reading: Reading;
}

function worst(readings: readonly Reading[]): Reading {
  if (readings.includes('past')) return 'past';
  return readings.includes('unread') ? 'unread' : 'apart';
}

function isCalled(routine: Routine, { kind, name, schema, arguments: count }: Mention): boolean {
  if (routine.name !== name.text || (schema !== null && routine.schema !== schema)) return false;
  return kind === 'relation' || (count >= routine.argumentsMin && count <= routine.argumentsMax);
}

function isTenantHole(token: Token, holes: readonly Hole[]): boolean {
  const hole = token.kind === 'hole' ? holes[Number(token.text)] : undefined;
  return hole !== undefined && hole.form === 'value' && hole.isTenant;
}

/** A relation whose name is known only while it runs: one of those that are written out, what the caller says, or nobody knows. */
function metHole(mention: Mention, hole: Hole | undefined, open: readonly GuardedTable[]): readonly Met[] {
  const { schema, prefix } = mention;
  const reached = open.filter((each) => (schema === null || each.schema === schema) && each.name.startsWith(prefix));
  if (reached.length === 0) return [];
  if (!hole?.names) return [{ mention, tables: reached, reading: hole?.isCallers ? 'past' : 'unread' }];
  const names = new Set(hole.names.map((each) => `${prefix}${each.split('.').at(-1)}`));
  const table = reached.find(({ name }) => names.has(name));
  return table ? [{ mention, tables: [table], reading: 'past' }] : [];
}

function dynamicReading(
  { text, holes }: DynamicText,
  judge: (statement: Statement, holes: readonly Hole[]) => Reading,
): Reading {
  if (holes.some(({ form, isCallers }) => form === 'raw' && isCallers)) return 'past';
  const statements = statementsOf(tokensOf(text));
  const isUnread = statements.some(([first]) => first?.kind === 'hole' && holes[Number(first.text)]?.form === 'raw');
  return worst([...(isUnread ? (['unread'] as const) : []), ...statements.map((each) => judge(each, holes))]);
}

/** `alter table ... disable row level security`, of any table that it can be. */
function disables(tokens: Statement, open: readonly GuardedTable[]): boolean {
  const at = tokens.findIndex((token, index) => isWord(token, 'row') && isWord(tokens[index + 1], 'level'));
  const isOff = isWord(tokens[at - 1], 'disable') || (isWord(tokens[at - 1], 'force') && isWord(tokens[at - 2], 'no'));
  return isWord(tokens[0], 'alter') && at > 0 && isOff && open.length > 0;
}

/** Other languages are not taken apart: they name a table, or run text, or do not. */
function foreignReading({ body }: Routine, open: readonly GuardedTable[]): Reading {
  if (open.length === 0) return 'apart';
  const words = new Set(body.toLowerCase().match(/[\p{L}\p{N}_]+/gu));
  const named = open.filter(({ name }) => words.has(name.toLowerCase()));
  const isNarrowed = named.every(({ settings }) => settings.some((each) => body.includes(`current_setting('${each}'`)));
  if (named.length > 0) return isNarrowed ? 'unread' : 'past';
  return /\b(?:execute|prepare|cursor|spi_\w+)\b/i.test(body) ? 'unread' : 'apart';
}
