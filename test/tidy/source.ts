import { posix } from 'node:path';
import { parseAst } from 'vitest/node';

/** One import of a file, whatever its form: static, re-export, `import()` or `import('...')` as a type. */
export interface Import {
  /** As written, for packages and built-ins; the path from the root of the repository for relative ones. */
  readonly target: string;
  /** Gone after type stripping. `import { type A }` is not: the import itself stays. */
  readonly typeOnly: boolean;
  /** `import()`: it does not take part in the order in which modules are loaded. */
  readonly dynamic: boolean;
  readonly names: readonly string[];
}

/** A name that the code reads: `Date`, or with its object `Math.random`. */
export interface Use {
  readonly name: string;
  readonly line: number;
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  /** Lines of its own: the bodies of functions inside it count for those. */
  readonly lines: number;
}

/** What the rules want to know about one TypeScript file. */
export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly imports: readonly Import[];
  readonly uses: readonly Use[];
  readonly functions: readonly FunctionSize[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** Reads a file's text into what the rules look at. Throws, with the path, for text that is not TypeScript. */
export function readSource(path: string, text: string): Source {
  const program = parse(path, text);
  const imports: Import[] = [];
  const uses: Use[] = [];
  const functions: FunctionSize[] = [];
  const lineOf = lineCounter(text);
  walk(program, undefined, '', (node, parent, key) => {
    const found = importOf(node, path);
    if (found) imports.push(found);
    const name = useOf(node, parent, key);
    if (name) uses.push({ name, line: lineOf(node.start) });
    if (isFunction(node)) functions.push(sizeOf(node, parent, lineOf));
  });
  return { path, imports, uses, functions };
}

function parse(path: string, text: string): unknown {
  try {
    return parseAst(text, { lang: 'ts' });
  } catch (cause) {
    throw new Error(`cannot parse ${path}`, { cause });
  }
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

type Visit = (node: Node, parent: Node | undefined, key: string) => void;

function walk(value: unknown, parent: Node | undefined, key: string, visit: Visit): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, parent, key, visit);
  } else if (isNode(value)) {
    visit(value, parent, key);
    for (const child of Object.keys(value)) walk(value[child], value, child, visit);
  }
}

function importOf(node: Node, path: string): Import | undefined {
  const source = isNode(node['source']) ? node['source']['value'] : undefined;
  if (typeof source !== 'string') return undefined;
  const specifiers = Array.isArray(node['specifiers']) ? node['specifiers'].filter(isNode) : [];
  return {
    target: source.startsWith('.') ? posix.join(posix.dirname(path), source) : source,
    typeOnly: node['importKind'] === 'type' || node['exportKind'] === 'type' || node.type === 'TSImportType',
    dynamic: node.type === 'ImportExpression',
    names: specifiers.map((specifier) => nameOf(specifier['imported'] ?? specifier['local'])),
  };
}

function nameOf(value: unknown): string {
  if (!isNode(value)) return '';
  return String(value['name'] ?? value['value'] ?? '');
}

/** Types are erased, keys and properties are names of somebody else's; all other identifiers count as read. */
function useOf(node: Node, parent: Node | undefined, key: string): string | undefined {
  if (node.type === 'MemberExpression') {
    const object = nameOf(node['object']);
    const property = nameOf(node['property']);
    return object === 'globalThis' ? property : object && `${object}.${property}`;
  }
  if (node.type !== 'Identifier' || parent === undefined) return undefined;
  if (parent.type.startsWith('TS') && key !== 'expression') return undefined;
  const isOwnName = ['property', 'key', 'imported', 'exported', 'local', 'label'].includes(key);
  return isOwnName && parent['computed'] !== true ? undefined : nameOf(node);
}

function isFunction(node: Node): boolean {
  const functions = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
  return functions.includes(node.type) && isNode(node['body']);
}

function sizeOf(node: Node, parent: Node | undefined, lineOf: (offset: number) => number): FunctionSize {
  const line = lineOf(node.start);
  const span = (inner: Node) => lineOf(inner.end) - lineOf(inner.start);
  const nested = functionsDirectlyIn(node).reduce((sum, inner) => sum + span(inner), 0);
  const name = nameOf(node['id']) || nameOf(parent?.['id']) || nameOf(parent?.['key']) || 'a function without a name';
  return { name, line, lines: span(node) + 1 - nested };
}

function functionsDirectlyIn(node: Node): Node[] {
  const found: Node[] = [];
  const look = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(look);
    else if (isNode(value) && isFunction(value)) found.push(value);
    else if (isNode(value)) Object.values(value).forEach(look);
  };
  Object.values(node).forEach(look);
  return found;
}
