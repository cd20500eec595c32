import { z } from 'zod';
import { scenarioSchema } from './scenario.ts';

/** What of JSON Schema the fields of a scenario are made of. */
interface Form {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Form[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Form;
  readonly properties?: Readonly<Record<string, Form>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Form | boolean;
}

/** Longer lists of words stand below the tables, by name. */
const WORDS_INLINE_MAX = 5;
const DURATION = '(ms|s|m|h|d)$';

/** All fields of a scenario file, made from the schema: a table for each group, with meaning, kind and default. */
export function fieldTables(): string {
  const root = z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' }) as Form & {
    readonly $defs?: Readonly<Record<string, Form>>;
  };
  const tables = new Tables(root.$defs ?? {});
  tables.add('the scenario', root);
  return tables.text();
}

class Tables {
  readonly #definitions: Readonly<Record<string, Form>>;
  readonly #parts: string[] = [];
  readonly #words = new Map<string, string>();
  /** Path under which a form stands, by its fields. */
  readonly #known = new Map<string, string>();
  readonly #told = new Set<string>();

  constructor(definitions: Readonly<Record<string, Form>>) {
    this.#definitions = definitions;
  }

  add(path: string, form: Form): void {
    const inner: [string, Form][] = [];
    const rows = Object.entries(form.properties ?? {}).map(([name, raw]) => {
      const field = this.#resolve(raw);
      const below = path === 'the scenario' ? name : `${path}.${name}`;
      const at = this.#group(field, below);
      if (at && !this.#told.has(at.path)) inner.push([at.path, at.form]);
      if (at) this.#told.add(at.path);
      const isRequired = form.required?.includes(name) ?? false;
      const kind = at ? `${this.#outer(field)}, [below](#${anchor(at.path)})` : this.#kind(raw, below);
      return `| \`${name}\` | ${kind} | ${isRequired ? 'required' : defaultOf(raw)} | ${raw.description ?? field.description ?? ''} |`;
    });
    this.#parts.push(`#### ${path}\n\n| Field | Is | Default | Meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`);
    for (const [below, each] of inner) this.add(below, each);
  }

  text(): string {
    const words = [...this.#words].map(([list, name]) => `- **${name}**: ${list}`);
    return `${this.#parts.join('\n')}\n#### Words\n\n${words.join('\n')}\n`;
  }

  #resolve(form: Form): Form {
    if (form.$ref === undefined) return form;
    const { $ref, ...own } = form;
    return { ...this.#definitions[$ref.split('/').at(-1) ?? ''], ...own };
  }

  /** The mapping that a field, the values of a field or the members of a list are, and where its table stands. */
  #group(form: Form, path: string): { readonly path: string; readonly form: Form } | undefined {
    const resolved = this.#resolve(form);
    const { properties, items, additionalProperties } = resolved;
    if (properties) {
      const shape = Object.keys(properties).join();
      const known = this.#known.get(shape) ?? (properties['isNot'] ? 'when' : path);
      this.#known.set(shape, known);
      return { path: known, form: resolved };
    }
    if (items) return this.#group(items, `${path}[]`);
    return typeof additionalProperties === 'object' ? this.#group(additionalProperties, `${path}.NAME`) : undefined;
  }

  #outer(form: Form): string {
    if (form.items) return 'a list';
    return form.properties ? 'a mapping' : 'mappings by name';
  }

  #kind(form: Form, path: string): string {
    const resolved = this.#resolve(form);
    // Besides conditions, which have a table of their own, only free facts hold themselves.
    if (JSON.stringify(resolved).includes('"$ref"')) return 'anything';
    const { type, items, additionalProperties, anyOf, pattern } = resolved;
    if (resolved.enum) return this.#wordsOf(resolved.enum.map(String), path);
    if (resolved.const !== undefined) return `\`${String(resolved.const)}\``;
    if (anyOf) return [...new Set(anyOf.map((each) => this.#kind(each, path)))].join(', ');
    if (items) return `a list of: ${this.#kind(items, path)}`;
    if (typeof additionalProperties === 'object') return `by name: ${this.#kind(additionalProperties, path)}`;
    if (pattern?.endsWith(DURATION)) return 'a duration';
    if (resolved.minimum === 0 && resolved.maximum === 1) return 'a share, 0 to 1';
    return NAMES[type ?? ''] ?? 'anything';
  }

  #wordsOf(words: readonly string[], path: string): string {
    const list = words.map((word) => `\`${word}\``).join(', ');
    if (words.length <= WORDS_INLINE_MAX) return list;
    const name = this.#words.get(list) ?? path;
    this.#words.set(list, name);
    return `one of the words for [${name}](#words)`;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
};

function defaultOf({ default: value }: Form): string {
  if (value === undefined) return '';
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return Array.isArray(value) ? 'none' : '';
  return `\`${typeof value === 'string' ? value || '""' : JSON.stringify(value)}\``;
}

function anchor(path: string): string {
  return path
    .toLowerCase()
    .replace(/ /g, '-')
    .replace(/[^\w-]/g, '');
}
