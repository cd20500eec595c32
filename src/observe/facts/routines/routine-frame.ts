import { type DynamicText, dynamicTexts, isHarmless, type Locals } from './dynamic-text.ts';
import type { GuardedTable, Routine, Statement } from './routine.ts';
import { assignmentsIn, listedIn } from './routine-locals.ts';
import { reduced, type TenantWords } from './sql-narrowing.ts';
import { closing, isMark, isNaming, isWord, type Token, tokensOf } from './sql-tokens.ts';

/** What is known of one body: its variables, the text that it makes, and by which words it narrows. */
export class RoutineFrame {
  readonly texts: readonly DynamicText[];
  readonly #routine: Routine;
  readonly #body: readonly Token[];
  readonly #locals: ReadonlySet<string>;
  readonly #assigned: Locals['assigned'];
  readonly #functions: ReadonlyMap<string, string>;

  constructor(
    routine: Routine,
    body: readonly Token[],
    statements: readonly Statement[],
    tables: readonly GuardedTable[],
    told: ReadonlyMap<string, string>,
  ) {
    this.#routine = routine;
    this.#body = body;
    this.#assigned = assignmentsIn(statements);
    this.#functions = told;
    const { argumentNames: names, argumentTypes: types } = routine;
    const positions = types.map((_, index) => `$${index + 1}`);
    this.#locals = new Set([...names.filter((each) => each !== ''), ...positions, ...this.#assigned.keys()]);
    const text = types.flatMap((type, at) => (isHarmless(type) ? [] : [names[at] ?? '', positions[at]!]));
    const parameters = new Set(text.filter((each) => each !== '' && !isLookedAt(each, statements)));
    const words = this.wordsFor(tables);
    this.texts = dynamicTexts(body, {
      parameters,
      assigned: this.#assigned,
      listed: listedIn(body, new Set(text)),
      isTenant: (expression) => isTenant(expression, words),
    });
  }

  /** The words by which rows of these tables are narrowed here: no setting that the body sets. */
  wordsFor(tables: readonly GuardedTable[]): TenantWords {
    const settings = new Set(tables.flatMap((each) => each.settings).filter((each) => !this.#sets(each)));
    const told = tables.flatMap((each) => each.tellers);
    const functions = new Set([
      ...told,
      ...[...this.#functions].flatMap(([name, of]) => (settings.has(of) ? [name] : [])),
    ]);
    const isAny = tables.some(({ columns }) => columns.length === 0);
    const columns = new Set(isAny ? [] : tables.flatMap((each) => each.columns));
    const plain = {
      settings,
      functions,
      columns,
      locals: this.#locals,
      variables: new Set(told.filter((each) => each === 'session_user')),
    };
    const variables = [...this.#assigned].flatMap(([name, written]) =>
      written.every((each) => each !== null && isTenant(each, plain)) ? [name] : [],
    );
    return { ...plain, variables: new Set([...plain.variables, ...variables, ...checked(this.#body, plain)]) };
  }

  #sets(setting: string): boolean {
    if (this.#routine.config.some((each) => each.startsWith(`${setting}=`))) return true;
    const words = setting.split('.');
    return this.#body.some((token, at) => {
      const name = isWord(token, 'set_config') ? this.#body[at + 2] : undefined;
      if (name) return name.kind !== 'text' || name.text === setting;
      const rest = this.#body.slice(isWord(this.#body[at + 1], 'local', 'session') ? at + 2 : at + 1);
      return isWord(token, 'set') && words.every((word, index) => rest[index * 2]?.text === word);
    });
  }
}

function isTenant(expression: readonly Token[], words: TenantWords): boolean {
  const short = reduced([{ kind: 'mark', text: '(' }, ...expression, { kind: 'mark', text: ')' }], words);
  return short.length === 1 && short[0]?.kind === 'tenant';
}

/** Parameters that the body refuses unless they are the tenant: `if t is distinct from ... then raise exception`. */
function checked(body: readonly Token[], words: TenantWords): readonly string[] {
  const short = reduced(body, words);
  return short.flatMap((_token, at) => {
    const isCheck = ['if', null, 'is', 'distinct', 'from'].every(
      (word, index) => word === null || isWord(short[at + index], word),
    );
    if (!isCheck || short[at + 5]?.kind !== 'tenant' || !isWord(short[at + 6], 'then')) return [];
    const refuses =
      isWord(short[at + 7], 'return') || (isWord(short[at + 7], 'raise') && !isWord(short[at + 8], ...MILD));
    return refuses && isNaming(short[at + 1]) ? [short[at + 1]!.text] : [];
  });
}

/**
 * Whether the body looks what it was handed in a parameter and refuses some of it: nobody can tell what is left. That it is
 * there at all, and not too long, is no such look.
 */
function isLookedAt(parameter: string, statements: readonly Statement[]): boolean {
  return statements.some((statement, at) => {
    const next = statements[at + 1] ?? [];
    const refuses = isWord(next[0], 'return') || (isWord(next[0], 'raise') && !isWord(next[1], ...MILD));
    const named = statement.some((token) => isNaming(token) && token.text === parameter);
    const more = statement.filter(({ kind, text }) => kind === 'word' && text !== parameter && !IDLE.includes(text));
    const compared = statement.some(({ kind, text }) => (kind === 'text' && text !== '') || text === '~');
    return refuses && named && isWord(statement[0], 'if') && (more.length > 0 || compared);
  });
}

/** Words of a condition that says nothing of what a text is. */
const IDLE = ['if', 'is', 'not', 'null', 'or', 'and', 'length', 'char_length', 'octet_length', 'trim', 'btrim'];
/** Levels of RAISE after which a body goes on. */
const MILD = ['debug', 'log', 'info', 'notice', 'warning'];

/** Functions without arguments that say a setting of the session, and which: `tenant_now()`. */
export function tellers(routines: readonly Routine[]): ReadonlyMap<string, string> {
  const told = new Map<string, string>();
  for (const { kind, name, body, argumentsMax } of routines) {
    const tokens = kind === 'function' && argumentsMax === 0 && body.length < 500 ? tokensOf(body) : [];
    const at = tokens.findIndex((token) => isWord(token, 'current_setting'));
    const setting = at > 0 && isMark(tokens[at + 1], '(') ? tokens[at + 2] : undefined;
    if (setting?.kind !== 'text') continue;
    const expression = tokens.slice(tokens.findLastIndex((each, i) => i < at && isWord(each, 'select', 'return')) + 1);
    const words = { settings: new Set([setting.text]), variables: NONE, functions: NONE, columns: NONE, locals: NONE };
    const end = expression.findIndex((token) => isMark(token, ';') || isWord(token, 'end'));
    const plain = end < 0 ? expression : expression.slice(0, end);
    if (closing(plain, 0) <= plain.length && isTenant(plain, words)) told.set(name, setting.text);
  }
  return told;
}

const NONE: ReadonlySet<string> = new Set();
