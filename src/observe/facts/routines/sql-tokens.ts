/** A piece of SQL or PL/pgSQL. Words are in small letters, names without their quotes, texts without theirs. */
export interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'mark' | 'hole' | 'tenant';
  readonly text: string;
  /** Of a hole: it goes on with the word before it. */
  readonly isGlued?: boolean;
}

/** Stands in dynamic text for its nth part that nobody can read: `\0n\0`. */
export function holeMark(n: number): string {
  return `\0${n}\0`;
}

const MARKS = ['->>', '#>>', '->', '#>', '::', ':=', '||', '<>', '!=', '<=', '>='];
/** What is longer is not looked at. */
export const BODY_MAX = 200_000;

/**
 * The tokens of a text, without comments. Knows strings of each kind, dollar quotes and quoted names. A text that ends within one
 * of them ends there.
 */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const [token, end] = tokenAt(text, at);
    if (token) tokens.push(token);
    at = Math.max(end, at + 1);
  }
  return tokens;
}

function tokenAt(text: string, at: number): readonly [Token | null, number] {
  const rest = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const blank = rest(/(?:\s+|--[^\n]*)/y);
  if (blank) return [null, at + blank.length];
  if (text.startsWith('/*', at)) return [null, endOfComment(text, at)];
  const hole = rest(/\0\d+\0/y);
  if (hole) {
    const isGlued = /[\p{L}\p{N}_]/u.test(text.charAt(at - 1));
    return [{ kind: 'hole', text: hole.slice(1, -1), isGlued }, at + hole.length];
  }
  const plain = rest(/(?:[nbx](?='))?'[^']*(?:''[^']*)*'?/iy);
  const escaped = rest(/e'(?:[^'\\]|''|\\.)*'?/isy);
  const string = escaped ?? plain;
  if (string) {
    const inner = string.slice(string.indexOf("'") + 1).replace(/'$/, '');
    return [{ kind: 'text', text: inner.replaceAll("''", "'") }, at + string.length];
  }
  const dollar = rest(/\$(?:[a-z_]\w*)?\$/iy);
  if (dollar) {
    const close = text.indexOf(dollar, at + dollar.length);
    const end = close < 0 ? text.length : close;
    return [{ kind: 'text', text: text.slice(at + dollar.length, end) }, end + dollar.length];
  }
  const name = rest(/"(?:[^"]|"")*"?/y);
  if (name) return [{ kind: 'name', text: name.slice(1).replace(/"$/, '').replaceAll('""', '"') }, at + name.length];
  const word = rest(/[\p{L}_$][\p{L}\p{N}_$]*/uy);
  if (word) return [{ kind: 'word', text: word.toLowerCase() }, at + word.length];
  const number = rest(/\d[\w.]*/y);
  if (number) return [{ kind: 'number', text: number }, at + number.length];
  const mark = MARKS.find((each) => text.startsWith(each, at)) ?? text.charAt(at);
  return [{ kind: 'mark', text: mark }, at + mark.length];
}

/** Comments lie within each other. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('/*', at)) depth += 1;
    else if (text.startsWith('*/', at)) depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

export function isMark(token: Token | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === 'mark' && texts.includes(token.text);
}

export function isWord(token: Token | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === 'word' && texts.includes(token.text);
}

/** Whether it can name something: a quoted name always, a word too. */
export function isNaming(token: Token | undefined): token is Token {
  return token?.kind === 'word' || token?.kind === 'name';
}

/** Index of the parenthesis that closes the one at `open`; the end when there is none. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if (isMark(tokens[at], '(', '[')) depth += 1;
    else if (isMark(tokens[at], ')', ']')) depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}

/** What lies between marks or words that divide, outside of parentheses. */
export function divided(tokens: readonly Token[], divides: (token: Token) => boolean): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isMark(token, '(', '[')) depth += 1;
    if (isMark(token, ')', ']')) depth -= 1;
    if (depth <= 0 && divides(token)) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

const PARTING = ['then', 'else', 'loop', 'begin', 'declare', 'union', 'intersect', 'except'];

/**
 * Statements of a body, and the selects that UNION and the like join, each by itself. THEN and ELSE part where they are of
 * PL/pgSQL, not within CASE.
 */
export function statementsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const statements: Token[][] = [[]];
  let cases = 0;
  for (const [index, token] of tokens.entries()) {
    if (isWord(token, 'case') && !isWord(tokens[index - 1], 'end')) cases += 1;
    if (isWord(token, 'end') && cases > 0) cases -= 1;
    const isEnd = isMark(token, ';');
    if (isEnd) cases = 0;
    const parts = isEnd || (isWord(token, ...PARTING) && !(cases > 0 && isWord(token, 'then', 'else')));
    if (parts) statements.push([]);
    else statements.at(-1)!.push(token);
  }
  return statements.filter(({ length }) => length > 0);
}
