import type { Import, Source } from './source.ts';

/** A folder of `src` imports from itself and from the folders before it. */
const LAYERS = [
  'base',
  'resources',
  'store',
  'vault',
  'ledger',
  'observe',
  'detect',
  'diagnose',
  'comply',
  'heal',
  // A file, not a folder: the main path, which puts the stages in order and knows nothing of what moves them.
  'loop',
  // Another: the stages from symptoms on, over ports, which control and the simulation share.
  'healer',
  'gateway',
  'drivers',
  'sources',
  'sinks',
  // Reports and bundles for auditors: reads what all stages left, and changes nothing.
  'evidence',
  'api',
  'cli',
];

/** Folders that see less than their place in the order would allow, and all that they see. */
const NARROW: Readonly<Record<string, readonly string[]>> = { gateway: ['base', 'resources', 'ledger', 'gateway'] };

/** Files beside the folders. They tie things together, so they may import all; nothing imports them but each other. */
const ROOT_FILES = ['src/builtin.ts', 'src/main.ts'];

/** Folders whose subfolders are replaceable: only these two files may name one of them at run time. */
const REPLACEABLE = ['drivers', 'sources', 'sinks'];
const REGISTRARS = ['src/builtin.ts', 'src/main.ts'];

/** Upward imports, imports of what is not product code, and files that belong to no layer. */
export function layerComplaints({ path, imports }: Source): string[] {
  if (ROOT_FILES.includes(path)) return [];
  const layer = layerOf(path);
  if (!LAYERS.includes(layer)) return [`${path} is in no known layer`];
  const allowed = NARROW[layer] ?? LAYERS.slice(0, LAYERS.indexOf(layer) + 1);
  const mayLeaveSrc = isTest(path);
  return imports
    .filter(isRelative)
    .filter(({ target }) => (target.startsWith('src/') ? !allowed.includes(layerOf(target)) : !mayLeaveSrc))
    .map(({ target }) => `${path} imports ${target}; ${layer} may import only ${allowed.join(', ')}`);
}

/** Run-time imports of a replaceable part from outside of it, other than by the table of what is built in. */
export function implementationComplaints({ path, imports }: Source): string[] {
  if (REGISTRARS.includes(path) || isTest(path)) return [];
  return imports
    .filter(({ target, typeOnly }) => !typeOnly && partOf(target) !== undefined && partOf(target) !== partOf(path))
    .map(({ target }) => `${path} imports ${target}; only ${REGISTRARS.join(' and ')} may name an implementation`);
}

/** Parts that exist and are not in the table, so that nobody could use them. */
export function unregisteredComplaints(sources: readonly Source[]): string[] {
  const parts = new Set(sources.map(({ path }) => partOf(path)).filter((part) => part !== undefined));
  const table = sources.find(({ path }) => path === 'src/builtin.ts');
  const registered = new Set(table?.imports.map(({ target }) => partOf(target)));
  return [...parts].filter((part) => !registered.has(part)).map((part) => `src/builtin.ts does not register ${part}`);
}

/** Circles of modules that load each other. Type imports and `import()` take no part in loading order. */
export function cycleComplaints(sources: readonly Source[]): string[] {
  const edges = new Map(sources.map(({ path, imports }) => [path, imports.filter(loads).map(({ target }) => target)]));
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (trail.includes(path) || finished.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return circles;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

function loads({ typeOnly, dynamic }: Import): boolean {
  return !typeOnly && !dynamic;
}

/** Relative targets are paths from the root of the repository by now; packages and built-ins end in no `.ts`. */
function isRelative({ target }: Import): boolean {
  return target.endsWith('.ts');
}

function layerOf(path: string): string {
  if (path === 'src/loop.ts') return 'loop';
  if (path === 'src/healer.ts') return 'healer';
  const [, folder, rest] = path.split('/');
  return rest === undefined ? 'the root of src' : (folder ?? '');
}

function partOf(path: string): string | undefined {
  const [src, layer, part, rest] = path.split('/');
  return src === 'src' && REPLACEABLE.includes(layer ?? '') && rest !== undefined ? `${layer}/${part}` : undefined;
}
