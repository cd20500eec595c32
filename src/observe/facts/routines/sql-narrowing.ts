import { closing, isMark, isNaming, isWord, type Token } from './sql-tokens.ts';

/** What is known of the session's tenant where a statement stands. */
export interface TenantWords {
  /** Settings by which the tenant of the session is told. */
  readonly settings: ReadonlySet<string>;
  /** Variables and parameters that are known to be the tenant of the session. */
  readonly variables: ReadonlySet<string>;
  /** Functions that say it. */
  readonly functions: ReadonlySet<string>;
  /** Columns that name the tenant of a row; any when empty. */
  readonly columns: ReadonlySet<string>;
  /** Parameters and variables, which are no column when they stand alone. */
  readonly locals: ReadonlySet<string>;
}

const TENANT: Token = { kind: 'tenant', text: '' };

/** The tokens with each expression that is the tenant of the session as one token: a setting, its casts, NULLIF of it, a variable. */
export function reduced(tokens: readonly Token[], words: TenantWords): readonly Token[] {
  let before = named(tokens, words);
  for (;;) {
    const after = foldedOnce(before);
    if (after.length === before.length) return after;
    before = after;
  }
}

function named(tokens: readonly Token[], { settings, variables, functions }: TenantWords): readonly Token[] {
  const out: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at]!;
    const next = tokens[at + 1];
    const isCall = isNaming(token) && isMark(next, '(');
    const end = isCall ? closing(tokens, at + 1) : at;
    const [argument] = tokens.slice(at + 2, end);
    const isSetting = isWord(token, 'current_setting') && argument?.kind === 'text' && settings.has(argument.text);
    const isTold = isCall && functions.has(token.text) && end === at + 2;
    const isField = isMark(tokens[at - 1], '.') || isMark(next, '.');
    const isVariable = !isCall && isNaming(token) && !isField && variables.has(token.text);
    if ((isTold || isSetting) && isMark(out.at(-1), '.') && isNaming(out.at(-2))) out.splice(-2);
    out.push(isSetting || isTold || isVariable ? TENANT : token);
    if (isSetting || isTold) at = end;
  }
  return out;
}

function foldedOnce(tokens: readonly Token[]): readonly Token[] {
  const out: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const fold = foldAt(tokens, at);
    out.push(fold ? TENANT : tokens[at]!);
    if (fold) at += fold - 1;
  }
  return out;
}

/** How many tokens from here on are the tenant, by way of something else. */
function foldAt(tokens: readonly Token[], at: number): number {
  const is = (offset: number) => tokens[at + offset]?.kind === 'tenant';
  const [first, second] = [tokens[at], tokens[at + 1]];
  if (is(0) && isMark(second, '::') && isNaming(tokens[at + 2])) {
    if (isMark(tokens[at + 3], '.') && isNaming(tokens[at + 4])) return 5;
    return isMark(tokens[at + 3], '(') ? closing(tokens, at + 3) - at + 1 : 3;
  }
  // A part of what the session says: `->> 'tenant'`.
  if (is(0) && isMark(second, '->>', '->', '#>>', '#>') && tokens[at + 2]?.kind === 'text') return 3;
  if (isWord(first, ...SHAPES) && isMark(second, '(') && is(2)) return closing(tokens, at + 1) - at + 1;
  const isGroup = isMark(first, '(') && !isNaming(tokens[at - 1] ?? undefined);
  const isOpened = isMark(first, '(') && (isGroup || isWord(tokens[at - 1], ...BEFORE_GROUP));
  if (isOpened && is(1) && isMark(tokens[at + 2], ')')) return 3;
  if (isOpened && isWord(second, 'select') && is(2) && isMark(tokens[at + 3], ')')) return 4;
  return 0;
}

/** Functions whose result is what they were handed first, in another shape. */
const SHAPES = ['nullif', 'cast', 'string_to_array', 'regexp_split_to_array', 'unnest', 'btrim', 'trim'];
/** Words after which a parenthesis holds an expression, and no arguments. */
const BEFORE_GROUP = [
  'and',
  'where',
  'on',
  'or',
  'not',
  'select',
  'values',
  'when',
  'then',
  'having',
  'by',
  'return',
  'in',
  'any',
  'some',
];
const CLAUSES = ['where', 'on', 'select', 'set', 'from', 'having', 'case', 'when', 'then', 'values', 'returning', 'if'];
/** Joins of which one side stays whole; as names of functions they are none. */
const OUTER = ['left', 'right', 'full'];
const UNDOES = ['is', 'or', 'isnull', 'notnull', 'in', 'between', 'like'];

/** Comparisons of a column with the tenant of the session by which a row has to stand, whatever else the statement asks for. */
export function comparisonsIn(tokens: readonly Token[], words: TenantWords): number {
  let count = 0;
  for (const [at, token] of tokens.entries()) {
    if (!isMark(token, '=') && !isWord(token, 'in')) continue;
    // `= any (select ...)` of what is the tenant says what `in (select ...)` does.
    const right = isWord(tokens[at + 1], 'any', 'some') ? at + 2 : at + 1;
    const isRight = tokens[right]?.kind === 'tenant' && isColumn(tokens, at - 1, words);
    const isLeft =
      tokens[at - 1]?.kind === 'tenant' && isNaming(tokens[at + 1]) && isColumn(tokens, lastOf(tokens, at + 1), words);
    if (!isRight && !isLeft) continue;
    const end = isRight ? right + 1 : lastOf(tokens, at + 1) + 1;
    if (holds(tokens, at, end)) count += 1;
  }
  return count;
}

/** Index of the last part of a dotted name. */
function lastOf(tokens: readonly Token[], start: number): number {
  return isMark(tokens[start + 1], '.') && isNaming(tokens[start + 2]) ? lastOf(tokens, start + 2) : start;
}

function isColumn(tokens: readonly Token[], at: number, { columns, locals }: TenantWords): boolean {
  // A cast of the column says the same, also as `(tenant)::text`.
  const cast = isMark(tokens[at - 1], '::') ? at - 2 : at;
  const index = isMark(tokens[cast], ')') && isMark(tokens[cast - 2], '(') ? cast - 1 : cast;
  const token = tokens[index];
  if (!isNaming(token)) return false;
  if (!isMark(tokens[index - 1], '.') && locals.has(token.text)) return false;
  return columns.size === 0 || columns.has(token.text);
}

/** Whether what stands at `at` narrows its select: in WHERE or ON, joined by AND only, not turned round, not one side of an outer join. */
function holds(tokens: readonly Token[], at: number, end: number): boolean {
  let [from, to] = [at, end];
  for (;;) {
    const group = groupAround(tokens, from, to);
    const after = tokens[to];
    if (isWord(after, ...UNDOES) || isMark(after, '=', '<>', '!=', '::', '||')) return false;
    const here = flatten(tokens.slice(group.open + 1, from));
    const start = here.findLastIndex((token) => isWord(token, ...CLAUSES));
    const clause = [...here.slice(start + 1), ...flatten(tokens.slice(to, group.close))];
    if (clause.some((token) => isWord(token, 'or'))) return false;
    if (isWord(here[start], 'where')) return true;
    if (isWord(here[start], 'on'))
      return !here.some((token, at) => isWord(token, ...OUTER) && !isMark(here[at + 1], '('));
    if (start >= 0 || group.open < 0) return false;
    const before = tokens[group.open - 1];
    if (!isWord(before, 'and', 'where', 'on') && !isMark(before, '(')) return false;
    [from, to] = [group.open, group.close + 1];
  }
}

/** The parentheses nearest around; -1 and the length when there are none. */
function groupAround(
  tokens: readonly Token[],
  from: number,
  to: number,
): { readonly open: number; readonly close: number } {
  let depth = 0;
  let open = from - 1;
  for (; open >= 0; open -= 1) {
    if (isMark(tokens[open], ')', ']')) depth += 1;
    if (isMark(tokens[open], '(', '[') && depth-- === 0) break;
  }
  depth = 0;
  let close = to;
  for (; close < tokens.length; close += 1) {
    if (isMark(tokens[close], '(', '[')) depth += 1;
    if (isMark(tokens[close], ')', ']') && depth-- === 0) break;
  }
  return { open, close };
}

/** Without what is in parentheses; these stand for it. */
function flatten(tokens: readonly Token[]): readonly Token[] {
  let depth = 0;
  return tokens.filter((token) => {
    if (isMark(token, ')', ']')) depth -= 1;
    const isOutside = depth <= 0;
    if (isMark(token, '(', '[')) depth += 1;
    return isOutside;
  });
}
