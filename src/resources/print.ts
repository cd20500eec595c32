import { stringify } from 'yaml';
import { type Resource, SCHEMAS } from './resource.ts';

/**
 * The resources as a manifest, complete with defaults, in the order given. Reading it gives equal resources. Keys stand in
 * the order of the schema, whatever order the data had.
 */
export function printResources(resources: readonly Resource[]): string {
  return resources.map(printOne).join('---\n');
}

function printOne(resource: Resource): string {
  const ordered = SCHEMAS[resource.kind].parse(resource);
  // No anchors (a reader should not have to resolve them) and no folding (it changes long lines beyond recognition).
  return stringify(ordered, { aliasDuplicateObjects: false, lineWidth: 0 });
}
