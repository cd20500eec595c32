import { Document, isScalar, Scalar, visit } from 'yaml';
import { type Resource, SCHEMAS } from './resource.ts';

/**
 * The resources as a manifest, complete with defaults, in the order given. Reading it gives equal resources. Keys stand in
 * the order of the schema, whatever order the data had.
 */
export function printResources(resources: readonly Resource[]): string {
  return resources.map(printOne).join('---\n');
}

/** White space that a block of lines does not keep: at the start or the end of a line, and what is no plain space. */
const FRAGILE = /[^\S\n ]|(^|\n) | (\n|$)/;

function printOne(resource: Resource): string {
  const ordered = SCHEMAS[resource.kind].parse(resource);
  // No anchors: a reader should not have to resolve them.
  const document = new Document(ordered, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      if (node.value.includes('\n') && FRAGILE.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // No folding either: it changes long lines beyond recognition.
  return document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER });
}
