import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml';
import { LIMITS } from '../base/limits.ts';
import { type FieldPath, isSecretPath } from './field-path.ts';
import type { ManifestProblem } from './manifest-problem.ts';

/** A manifest as text, and where it comes from. */
export interface ManifestSource {
  /** As it is named in messages. */
  readonly file: string;
  /** From which the paths of artefacts are resolved. */
  readonly folder: string;
  readonly text: string;
}

/** What may be wrong with one place of a document. */
export interface Complaint {
  readonly path: FieldPath;
  readonly message: string;
  /** The place is the key itself, not its value. */
  readonly atKey?: boolean;
}

/** One YAML document as plain data, which can still say where each value stands. */
export interface ManifestDocument {
  readonly source: ManifestSource;
  readonly value: unknown;
  problemAt(complaint: Complaint): ManifestProblem;
}

/** Deeper than any schema by far; recursion over a document stays within the stack. */
const DEPTH_MAX = 64;
/** Values that aliases may unfold to. */
const ALIASES_MAX = 1_000;

/**
 * Splits a source into its documents; empty ones are left out. What cannot be read is in `problems` and not among the
 * documents. Messages never quote the source: a broken line may hold a secret.
 */
export function readDocuments(source: ManifestSource): { documents: ManifestDocument[]; problems: ManifestProblem[] } {
  const problems: ManifestProblem[] = [];
  const report = (line: number, column: number, message: string, path: FieldPath = []) =>
    problems.push({ file: source.file, line, column, path, message });
  if (Buffer.byteLength(source.text) > LIMITS.manifestBytes) {
    report(1, 1, `is larger than ${LIMITS.manifestBytes} bytes`);
    return { documents: [], problems };
  }
  const counter = new LineCounter();
  const documents = parse(source.text, counter);
  if (documents === undefined) report(1, 1, 'is nested too deeply');
  if (documents && documents.length > LIMITS.manifestDocuments) {
    report(1, 1, `holds more than ${LIMITS.manifestDocuments} documents`);
    return { documents: [], problems };
  }
  const read: ManifestDocument[] = [];
  for (const document of documents ?? []) {
    const found = readOne(source, document, counter);
    if (Array.isArray(found)) problems.push(...found);
    else if (found) read.push(found);
  }
  return { documents: read, problems };
}

function parse(text: string, counter: LineCounter): Document.Parsed[] | undefined {
  try {
    // The parser's own check for duplicate keys takes quadratic time; ours does not.
    const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: false });
    return [...documents];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readOne(
  source: ManifestSource,
  document: Document.Parsed,
  counter: LineCounter,
): ManifestDocument | ManifestProblem[] | undefined {
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return faults.map(({ pos, message }) =>
      problem(source, counter, pos[0], { path: [], message: withoutSource(message) }),
    );
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return undefined;
  const problemAt = (complaint: Complaint) => locate(source, document, counter, complaint);
  const shape = checkShape(document.contents);
  if (shape.length > 0) return shape.map(problemAt);
  try {
    return { source, value: document.toJS({ maxAliasCount: ALIASES_MAX }), problemAt };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const excessive = error.message.startsWith('Excessive alias count');
    const message = excessive ? 'has aliases that unfold to too much' : 'has an alias without its anchor before it';
    return [problemAt({ path: [], message })];
  }
}

/** What the parser quotes of the source stands behind a colon: `Unexpected scalar token in YAML stream: "password"`. */
function withoutSource(message: string): string {
  return message.replace(/: .*$/s, '');
}

/** Duplicate keys, keys that are no text, and depth. */
function checkShape(root: Node): Complaint[] {
  const complaints: Complaint[] = [];
  const visit = (node: unknown, path: FieldPath): void => {
    if (!isCollection(node)) return;
    if (path.length >= DEPTH_MAX)
      return void complaints.push({ path: [], message: `is nested deeper than ${DEPTH_MAX} levels` });
    const seen = new Set<string>();
    for (const [index, item] of node.items.entries()) {
      if (!isPair(item)) {
        visit(item, [...path, index]);
        continue;
      }
      if (!isScalar(item.key)) {
        complaints.push({ path, message: 'has a key that is not a plain text' });
        continue;
      }
      const key = String(item.key.value);
      if (seen.has(key)) complaints.push({ path: [...path, key], message: 'is given twice', atKey: true });
      seen.add(key);
      visit(item.value, [...path, key]);
    }
  };
  visit(root, []);
  return complaints;
}

function locate(
  source: ManifestSource,
  document: Document.Parsed,
  counter: LineCounter,
  complaint: Complaint,
): ManifestProblem {
  let node: unknown = document.contents;
  let key: unknown = node;
  for (const [depth, part] of complaint.path.entries()) {
    const last = depth === complaint.path.length - 1;
    const step = stepInto(resolveAlias(node, document), part);
    // What is missing is told at what should have it.
    if (!step) break;
    key = step.key;
    node = last && complaint.atKey ? step.key : step.value;
  }
  const place = startOf(node) ?? startOf(key) ?? startOf(document.contents) ?? 0;
  return problem(source, counter, place, complaint);
}

function stepInto(node: unknown, part: PropertyKey): { key: unknown; value: unknown } | undefined {
  if (!isCollection(node)) return undefined;
  if (!isMap(node)) {
    const item = typeof part === 'number' ? node.items[part] : undefined;
    return item === undefined ? undefined : { key: item, value: item };
  }
  // The last one: it is the one that counts, and the one to be told about when a key is given twice.
  const pair = node.items.findLast((item) => isScalar(item.key) && String(item.key.value) === String(part));
  return pair && { key: pair.key, value: pair.value ?? pair.key };
}

function resolveAlias(node: unknown, document: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function problem(source: ManifestSource, counter: LineCounter, offset: number, complaint: Complaint): ManifestProblem {
  const { line, col } = counter.linePos(Math.min(offset, source.text.length));
  const { path, message, atKey } = complaint;
  const found = path.length > 0 ? frameAt(source.text, counter, line, path, atKey === true) : undefined;
  // Of a key that stands behind others in its line nothing is shown.
  const frame = found !== undefined && col <= found.length ? found : undefined;
  const place = { file: source.file, line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  return frame === undefined ? place : { ...place, frame };
}

const FRAME_LENGTH_MAX = 120;

/**
 * The line as it stands, if it holds one key or one value only and that can be no secret. Of a key that is wrong itself
 * the value is left out: nobody knows what it was meant to be.
 */
function frameAt(
  text: string,
  counter: LineCounter,
  line: number,
  path: FieldPath,
  atKey: boolean,
): string | undefined {
  const start = counter.lineStarts[line - 1] ?? 0;
  const end = counter.lineStarts[line] ?? text.length;
  const content = text.slice(start, end).trimEnd();
  if (content.length > FRAME_LENGTH_MAX || /\p{Cc}/u.test(content)) return undefined;
  if (atKey) return content.match(KEY_ALONE)?.[0];
  return ONE_VALUE.test(content) && !mayHoldSecret(path) ? content : undefined;
}

const KEY_ALONE = /^ *(- )*[\w.\-/]+:/;
/** A key with a plain value or a list of plain values, or a value of a list. */
const ONE_VALUE = /^ *(- )*([\w.\-/]+:)?( *[^ {[|>&*!][^{[]*| \[[\w.\-/, ]*\])?$/;

/** Environment and arguments often do, whatever their names. */
export function mayHoldSecret(path: FieldPath): boolean {
  return (
    isSecretPath(path) ||
    path[1] === 'config' ||
    path[1] === 'secrets' ||
    path[1] === 'command' ||
    path.includes('headers')
  );
}
