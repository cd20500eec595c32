import { closing, divided, holeMark, isMark, isNaming, isWord, type Token } from './sql-tokens.ts';

/** A part of dynamic text that is known only while it runs. */
export interface Hole {
  /** How it is put in: as a quoted name, as a quoted value, or as it is. */
  readonly form: 'name' | 'value' | 'raw';
  /** Who calls the function says what it is. */
  readonly isCallers: boolean;
  /** It is the tenant of the session. */
  readonly isTenant: boolean;
  /** What it can be at most; null when that is not written out. */
  readonly names: readonly string[] | null;
}

/** SQL that a function makes while it runs, as far as it can be read. */
export interface DynamicText {
  readonly text: string;
  readonly holes: readonly Hole[];
}

/** What is known of the variables of a function. */
export interface Locals {
  /** Parameters by which a caller can hand in text. */
  readonly parameters: ReadonlySet<string>;
  /** Every expression that is put into a variable; null for what nobody can read. */
  readonly assigned: ReadonlyMap<string, readonly (readonly Token[] | null)[]>;
  /** What a parameter is compared with before it is used, where that is a list that is written out. */
  readonly listed: ReadonlyMap<string, readonly string[]>;
  readonly isTenant: (expression: readonly Token[]) => boolean;
}

const DEPTH_MAX = 5;
const IN_TEXT = ['query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema', 'ts_stat', 'crosstab'];
const IN_NAMES = ['table_to_xml', 'table_to_xmlschema', 'table_to_xml_and_xmlschema'];
const WHOLE = /^(?:schema|database)_to_xml|^dblink|^cursor_to_xml/;
const SAFE = /^(?:bool|int|big|small|numeric|decimal|real|double|float|date|time|interval|uuid|oid$|money)/;

/** Functions whose result is what they were handed, in another shape. */
const SHAPES = [
  'lower',
  'upper',
  'trim',
  'btrim',
  'ltrim',
  'rtrim',
  'left',
  'right',
  'substr',
  'substring',
  'replace',
  'translate',
  'concat',
  'concat_ws',
  'coalesce',
  'nullif',
  'array_to_string',
  'regexp_replace',
  'split_part',
  'format',
];

/** Whether a value of the type, as text, can be nothing but itself: no caller puts SQL into a number. */
export function isHarmless(type: string): boolean {
  return SAFE.test(type);
}

/** Everything that the body runs as text, by EXECUTE and by functions of PostgreSQL that do so. */
export function dynamicTexts(body: readonly Token[], locals: Locals): readonly DynamicText[] {
  const found: DynamicText[] = [];
  for (const [at, token] of body.entries()) {
    const call = isMark(body[at + 1], '(') ? body.slice(at + 2, closing(body, at + 1)) : null;
    const [first = []] = call ? divided(call, (each) => isMark(each, ',')) : [];
    if (isExecute(body, at)) found.push(executed(body.slice(at + 1), locals));
    else if (call && isWord(token, ...IN_TEXT)) found.push(new Builder(locals).built(first));
    else if (call && isWord(token, ...IN_NAMES)) found.push(new Builder(locals).built([NAMED, CONCAT, ...first]));
    else if (call && token.kind === 'word' && WHOLE.test(token.text)) found.push(UNREAD);
  }
  return found;
}

/** It reads whatever there is. */
const UNREAD: DynamicText = {
  text: `select from ${holeMark(0)}`,
  holes: [{ form: 'raw', isCallers: false, isTenant: false, names: null }],
};
const NAMED: Token = { kind: 'text', text: 'select from ' };
const CONCAT: Token = { kind: 'mark', text: '||' };

function isExecute(body: readonly Token[], at: number): boolean {
  return (
    isWord(body[at], 'execute') && !isWord(body[at + 1], 'function', 'procedure', 'on') && !isMark(body[at - 1], '.')
  );
}

/** `execute TEXT [into ...] [using A, B]`: what is handed by USING stands in the text as a value. */
function executed(rest: readonly Token[], locals: Locals): DynamicText {
  const [statement = []] = divided(rest, (token) => isMark(token, ';') || isWord(token, 'loop'));
  const [head = [], ...tail] = divided(statement, (token) => isWord(token, 'using', 'into'));
  const using = statement.some((token) => isWord(token, 'using')) ? (tail.at(-1) ?? []) : [];
  const values = divided(using, (token) => isMark(token, ','));
  const builder = new Builder(locals);
  const { text, holes } = builder.built(head);
  const all = [...holes];
  const filled = text.replaceAll(/\$(\d+)/g, (_mark, n: string) => {
    const expression = values[Number(n) - 1] ?? [];
    all.push({ form: 'value', isCallers: false, isTenant: locals.isTenant(expression), names: [] });
    return holeMark(all.length - 1);
  });
  return { text: filled, holes: all };
}

class Builder {
  readonly #locals: Locals;
  readonly #holes: Hole[] = [];

  constructor(locals: Locals) {
    this.#locals = locals;
  }

  built(expression: readonly Token[]): DynamicText {
    return { text: this.#text(expression, 0), holes: this.#holes };
  }

  #text(expression: readonly Token[], depth: number): string {
    return divided(expression, (token) => isMark(token, '||'))
      .map((term) => this.#term(unwrapped(term), depth))
      .join('');
  }

  #term(term: readonly Token[], depth: number): string {
    const [first, second] = term;
    if (first?.kind === 'text' && (term.length === 1 || isMark(second, '::'))) return first.text;
    const name = isMark(term[1], '.') ? term[2] : first;
    const open = isMark(term[1], '.') ? 3 : 1;
    const isCall = isNaming(name) && isMark(term[open], '(') && closing(term, open) === term.length - 1;
    if (isCall)
      return this.#call(
        name.text,
        divided(term.slice(open + 1, -1), (token) => isMark(token, ',')),
        term,
        depth,
      );
    if (term.some((token) => isMark(token, '||'))) return this.#text(term, depth);
    const written = term.length === 1 && isNaming(first) ? this.#locals.assigned.get(first.text) : undefined;
    const own = written?.filter((each) => each !== null);
    if (first && own && own.length > 0 && own.length === written?.length && depth < DEPTH_MAX) {
      return this.#variable(first.text, own, depth);
    }
    return this.#hole('raw', term);
  }

  /** All that is ever put into it, one after the other; what it was before is left out of what is added to it. */
  #variable(name: string, written: readonly (readonly Token[])[], depth: number): string {
    const isSelf = (token: Token | undefined) => isNaming(token) && token.text === name;
    return written
      .map((each) => {
        const added = isSelf(each[0]) && isMark(each[1], '||') ? each.slice(2) : null;
        return added ? this.#text(added, depth + 1) : ` ; ${this.#text(each, depth + 1)}`;
      })
      .join('')
      .replace(/^ ; /, '');
  }

  #call(name: string, parts: readonly (readonly Token[])[], term: readonly Token[], depth: number): string {
    const [first = [], ...rest] = parts;
    if (name === 'quote_ident') return this.#hole('name', first);
    if (name === 'quote_literal' || name === 'quote_nullable') return this.#hole('value', first);
    if (name === 'concat') return parts.map((part) => this.#text(part, depth)).join('');
    if (name !== 'format') return this.#hole('raw', term);
    const template = this.#text(first, depth);
    let next = 0;
    return template.replaceAll(/%(?:(\d+)\$)?-?\d*([sIL%])/g, (_mark, position: string | undefined, form: string) => {
      if (form === '%') return '%';
      const part = rest[position === undefined ? next : Number(position) - 1] ?? [];
      if (position === undefined) next += 1;
      if (form === 'I') return this.#hole('name', part);
      if (form === 'L') return this.#hole('value', part);
      return this.#text(part, depth + 1);
    });
  }

  #hole(form: Hole['form'], expression: readonly Token[]): string {
    const isTenant = this.#locals.isTenant(expression);
    const names = this.#namesOf(expression, 0);
    const isName = form === 'raw' && isMark(expression.at(-2), '::') && isWord(expression.at(-1), 'regclass');
    const isCallers = names === null && !isTenant && this.#isCallers(expression, 0);
    this.#holes.push({ form: isName ? 'name' : form, isCallers, isTenant, names });
    return holeMark(this.#holes.length - 1);
  }

  /** What a table says, or another function, is nobody's. */
  #isCallers(expression: readonly Token[], depth: number): boolean {
    const { parameters, assigned } = this.#locals;
    if (expression.some((token) => isWord(token, 'from'))) return false;
    for (let at = 0; at < expression.length; at += 1) {
      const token = expression[at]!;
      const isCall = isMark(expression[at + 1], '(');
      if (isCall && isNaming(token) && !SHAPES.includes(token.text)) at = closing(expression, at + 1);
      if (isCall || !isNaming(token)) continue;
      if (isMark(expression[at + 1], '::') && isHarmless(expression[at + 2]?.text ?? '')) continue;
      if (parameters.has(token.text)) return true;
      const written = depth < DEPTH_MAX ? (assigned.get(token.text) ?? []) : [];
      if (written.some((each) => each !== null && this.#isCallers(each, depth + 1))) return true;
    }
    return false;
  }

  #namesOf(expression: readonly Token[], depth: number): readonly string[] | null {
    const term = unwrapped(expression);
    const [first] = term;
    if (isWord(first, 'case')) return chosenIn(term);
    if (term.length !== 1 || !first) return null;
    if (first.kind === 'text') return [first.text];
    const listed = this.#locals.listed.get(first.text);
    if (listed) return listed;
    const written = depth < DEPTH_MAX ? this.#locals.assigned.get(first.text) : undefined;
    const each = written?.map((one) => (one === null ? null : this.#namesOf(one, depth + 1))) ?? [null];
    return each.includes(null) ? null : each.flatMap((names) => names ?? []);
  }
}

function unwrapped(term: readonly Token[]): readonly Token[] {
  const isWrapped = isMark(term[0], '(') && closing(term, 0) === term.length - 1;
  return isWrapped ? unwrapped(term.slice(1, -1)) : term;
}

/** Texts after THEN and ELSE, when there is nothing else. */
function chosenIn(term: readonly Token[]): readonly string[] | null {
  const results = term.flatMap((token, at) => (isWord(token, 'then', 'else') ? [term[at + 1]] : []));
  return results.every((token) => token?.kind === 'text') ? results.map((token) => token!.text) : null;
}
