import type { Locals } from './dynamic-text.ts';
import { closing, isMark, isNaming, isWord, type Token } from './sql-tokens.ts';

/** What is put into each variable of a body, by declaration, assignment, SELECT INTO and FOR. */
export function assignmentsIn(statements: readonly (readonly Token[])[]): Locals['assigned'] {
  const assigned = new Map<string, (readonly Token[] | null)[]>();
  const put = (name: Token | undefined, expression: readonly Token[] | null) => {
    if (isNaming(name)) assigned.set(name.text, [...(assigned.get(name.text) ?? []), expression]);
  };
  for (const statement of statements) {
    const at = statement.findIndex((token) => isMark(token, ':=') || isWord(token, 'default'));
    if (at > 0) put(statement[0], statement.slice(at + 1));
    else if (isNaming(statement[0]) && isMark(statement[1], '=')) put(statement[0], statement.slice(2));
    const into = statement.findIndex(
      (token, index) => isWord(token, 'into') && !isWord(statement[index - 1], 'insert', 'merge'),
    );
    const variable = statement[isWord(statement[into + 1], 'strict') ? into + 2 : into + 1];
    if (into > 0) put(variable, isWord(statement[0], 'select') ? statement.slice(1, into) : null);
    const loop = statement.findIndex((token) => isWord(token, 'in'));
    if (isWord(statement[0], 'for', 'foreach') && loop > 0) put(statement[1], selectedIn(statement.slice(loop + 1)));
  }
  return assigned;
}

function selectedIn(query: readonly Token[]): readonly Token[] | null {
  const end = query.findIndex((token) => isWord(token, 'from'));
  return isWord(query[0], 'select') && end > 0 ? query.slice(1, end) : null;
}

/** Parameters that are compared with a list of texts: `p in ('a', 'b')`, `p <> all (array['a', 'b'])`. */
export function listedIn(tokens: readonly Token[], parameters: ReadonlySet<string>): Locals['listed'] {
  const listed = new Map<string, readonly string[]>();
  for (const [at, token] of tokens.entries()) {
    if (!isNaming(token) || !parameters.has(token.text)) continue;
    const open = tokens.slice(at + 1, at + 7).findIndex((each) => isMark(each, '(', '['));
    const before = tokens.slice(at + 1, at + 1 + Math.max(0, open));
    const isList =
      open >= 0 &&
      before.length > 0 &&
      before.every((each) => isWord(each, 'not', 'in', 'any', 'all') || isMark(each, '=', '<>', '!='));
    if (!isList) continue;
    const inside = tokens.slice(at + 2 + open, closing(tokens, at + 1 + open));
    const texts = inside.filter(({ kind }) => kind === 'text').map(({ text }) => text);
    const isWritten = inside.every(
      (each) => each.kind === 'text' || isMark(each, ',', '[', ']', '::') || isNaming(each),
    );
    if (texts.length > 0 && isWritten) listed.set(token.text, texts);
  }
  return listed;
}
