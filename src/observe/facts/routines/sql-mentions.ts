import { closing, divided, isMark, isWord, type Token } from './sql-tokens.ts';

/** Where a statement names something that it reads, changes or calls. */
export interface Mention {
  readonly kind: 'relation' | 'call';
  /** Null when it is not qualified, or by what nobody can read. */
  readonly schema: string | null;
  /** A hole when nobody can read it. */
  readonly name: Token;
  /** How what nobody can read begins: `notes_` of `notes_%s`. */
  readonly prefix: string;
  readonly isInserted: boolean;
  /** Of a call: how many arguments. */
  readonly arguments: number;
}

/** After these comes a relation; after a comma too, within FROM. */
const BEFORE_RELATION = ['from', 'join', 'into', 'update', 'only', 'table', 'truncate', 'using', 'copy'];
const ENDS_FROM = [
  'where',
  'group',
  'order',
  'having',
  'limit',
  'on',
  'set',
  'select',
  'window',
  'returning',
  'values',
  'loop',
];
/** What defines or tends relations, and reads none of their rows, unless it selects. */
const TENDS = [
  'alter',
  'analyze',
  'checkpoint',
  'cluster',
  'comment',
  'create',
  'drop',
  'grant',
  'listen',
  'lock',
  'notify',
  'refresh',
  'reindex',
  'reset',
  'revoke',
  'set',
  'unlisten',
  'vacuum',
];

/** What a statement names: relations where it reads or writes them, and functions that it calls. */
export function mentionsIn(tokens: readonly Token[]): readonly Mention[] {
  const tends = isWord(tokens[0], ...TENDS) && !tokens.some((token) => isWord(token, 'select'));
  const found: Mention[] = [];
  const inFrom: boolean[] = [false];
  for (const [at, token] of tokens.entries()) {
    const before = tokens[at - 1];
    if (isMark(token, '(')) inFrom.push(false);
    if (isMark(token, ')') && inFrom.length > 1) inFrom.pop();
    if (isWord(token, 'from')) inFrom[inFrom.length - 1] = true;
    if (isWord(token, ...ENDS_FROM)) inFrom[inFrom.length - 1] = false;
    if (isMark(before, '.') || !['word', 'name', 'hole'].includes(token.kind)) continue;
    const isListed = isMark(before, ',') && inFrom.at(-1) === true;
    const isRelation = isWord(before, ...BEFORE_RELATION) || isListed;
    const mention = mentionAt(tokens, at);
    if (mention.kind === 'call' && !isKeyword(token)) found.push(mention);
    else if (isRelation && !tends && !isWord(token, 'only', 'lateral', 'select')) found.push(mention);
  }
  return found;
}

function mentionAt(tokens: readonly Token[], at: number): Mention {
  const isQualified = isMark(tokens[at + 1], '.') && tokens[at + 2] !== undefined;
  const nameAt = isQualified ? at + 2 : at;
  const name = tokens[nameAt]!;
  const first = tokens[at]!;
  const schema = isQualified && first.kind !== 'hole' ? first.text : null;
  const isInserted = isWord(tokens[at - 1], 'into') && isWord(tokens[at - 2], 'insert');
  const isCall = isMark(tokens[nameAt + 1], '(') && !isInserted && name.kind !== 'hole';
  const rest = tokens[nameAt + 1];
  const isBegun = rest?.kind === 'hole' && rest.isGlued === true;
  if (!isCall) {
    const prefix = isBegun ? name.text : '';
    return { kind: 'relation', schema, name: isBegun ? rest : name, prefix, isInserted, arguments: 0 };
  }
  const inside = tokens.slice(nameAt + 2, closing(tokens, nameAt + 1));
  const count = inside.length === 0 ? 0 : divided(inside, (token) => isMark(token, ',')).length;
  return { kind: 'call', schema, name, prefix: '', isInserted: false, arguments: count };
}

/** Words before a parenthesis that call nothing. */
function isKeyword(token: Token): boolean {
  return isWord(
    token,
    'and',
    'or',
    'not',
    'in',
    'any',
    'all',
    'exists',
    'where',
    'on',
    'values',
    'as',
    'select',
    'from',
  );
}
