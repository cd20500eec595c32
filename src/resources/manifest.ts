import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { builtinProfiles } from './builtin-profiles.ts';
import { checkReferences } from './cross-reference.ts';
import { type Complaint, type ManifestDocument, type ManifestSource, readDocuments } from './manifest-document.ts';
import { formatProblem, type ManifestProblem, manifestFault } from './manifest-problem.ts';
import { API_VERSION, profileNameSchema } from './metadata.ts';
import { type Kind, KINDS, type Resource, resourceKey, SCHEMAS } from './resource.ts';
import { complaintsOf, suggestion } from './schema-issue.ts';

/** A resource, and where it is declared. */
export interface LoadedResource {
  readonly resource: Resource;
  readonly file: string;
  /** Of the document's first value, from 1. */
  readonly line: number;
  readonly column: number;
  /** Absolute; paths of artefacts are relative to it. */
  readonly folder: string;
}

export interface LoadedManifests {
  /** In the order of files and documents. */
  readonly resources: readonly LoadedResource[];
  /** What is doubtful but accepted, one line each. */
  readonly warnings: readonly string[];
}

export interface ManifestOptions {
  /** Keys of resources that are not in these manifests but may be referred to: `Tenant/shop`. */
  readonly known?: readonly string[];
}

/**
 * Reads manifests: files, and folders with all `*.yaml` and `*.yml` below them in the order of their names (hidden ones
 * and `node_modules` left out). Rejects with `manifest.invalid`, whose message lists everything that is wrong, each with
 * its line, or `manifest.missing` when a path is not there or there is no resource at all. No message holds the value of
 * a secret.
 */
export async function readManifests(paths: readonly string[], options: ManifestOptions = {}): Promise<LoadedManifests> {
  const loaded = parseManifests(await readSources(paths), options);
  if (loaded.resources.length > 0) return loaded;
  throw new KinError('manifest.missing', `no resource in ${paths.join(', ')}`, { details: { paths: [...paths] } });
}

/** The texts of files, and of all `*.yaml` and `*.yml` in folders, each file once. Rejects as `readManifests` does. */
export async function readSources(paths: readonly string[]): Promise<readonly ManifestSource[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const unique = new Map<string, string>();
  for (const file of files) {
    const real = await realpath(file);
    if (!unique.has(real)) unique.set(real, file);
  }
  return Promise.all([...unique.values()].map(readSource));
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new KinError('manifest.missing', `no manifest at ${path}`, { cause, details: { path } });
  });
  return found.isDirectory() ? filesBelow(path) : [path];
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      // Links to folders are not followed: they may go round in circles. Links to files are how Kubernetes mounts them.
      if (entry.isDirectory()) return filesBelow(path);
      if (!/\.ya?ml$/.test(entry.name)) return [];
      return (await stat(path).catch(() => undefined))?.isFile() ? [path] : [];
    }),
  );
  return nested.flat();
}

async function readSource(file: string): Promise<ManifestSource> {
  const { size } = await stat(file);
  if (size > LIMITS.manifestBytes) throw unreadable(file, `is larger than ${LIMITS.manifestBytes} bytes`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
    return { file, folder: dirname(resolve(file)), text };
  } catch (error) {
    if (error instanceof TypeError) throw unreadable(file, 'is not UTF-8 text');
    throw new KinError('manifest.missing', `cannot read ${file}`, { cause: error, details: { path: file } });
  }
}

function unreadable(file: string, message: string): KinError {
  return manifestFault([{ file, line: 1, column: 1, path: [], message }]);
}

/** The same for texts that are at hand. An empty list is accepted. Throws `manifest.invalid`. */
export function parseManifests(sources: readonly ManifestSource[], options: ManifestOptions = {}): LoadedManifests {
  const problems: ManifestProblem[] = [];
  const accepted = new Map<Resource, ManifestDocument>();
  const declared = new Map<string, ManifestDocument>();
  let documents = 0;
  for (const source of sources) {
    const read = readDocuments(source);
    documents += read.documents.length;
    problems.push(...read.problems);
    for (const document of read.documents) {
      const complaints = [...checkUnique(document, declared)];
      const outcome = validate(document.value);
      if (Array.isArray(outcome)) complaints.push(...outcome);
      else if (complaints.length === 0) accepted.set(outcome, document);
      problems.push(...complaints.map((complaint) => document.problemAt(complaint)));
    }
  }
  if (documents > LIMITS.manifestDocuments) {
    throw unreadable(sources[0]?.file ?? '', `and the others hold more than ${LIMITS.manifestDocuments} documents`);
  }
  // A resource that is wrong in itself still has its name: what refers to it is not wrong too.
  const known = [...declared.keys(), ...(options.known ?? [])];
  const { errors, warnings } = checkReferences([...accepted.keys()], known, builtinProfiles());
  const tell = (complaint: Complaint & { resource: Resource }) =>
    accepted.get(complaint.resource)?.problemAt(complaint);
  problems.push(...errors.map(tell).filter((found) => found !== undefined));
  if (problems.length > 0) throw manifestFault(problems);
  return {
    resources: [...accepted].map(([resource, document]) => loadedResource(resource, document)),
    warnings: warnings
      .map(tell)
      .filter((found) => found !== undefined)
      .map(formatProblem),
  };
}

function loadedResource(resource: Resource, document: ManifestDocument): LoadedResource {
  const { file, line, column } = document.problemAt({ path: [], message: '' });
  return { resource, file, line, column, folder: document.source.folder };
}

function validate(value: unknown): Resource | Complaint[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], message: 'must be a mapping with apiVersion, kind, metadata and spec' }];
  }
  const { apiVersion, kind } = value as Record<string, unknown>;
  const complaints = [...checkWord('apiVersion', apiVersion, [API_VERSION]), ...checkWord('kind', kind, KINDS)];
  // What it is meant to be is not known: complaints about the rest would be guesses.
  if (complaints.length > 0) return complaints;
  const schema = SCHEMAS[kind as Kind];
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : complaintsOf(schema, value, parsed.error.issues);
}

function checkWord(field: string, word: unknown, known: readonly string[]): Complaint[] {
  if (typeof word === 'string' && known.includes(word)) return [];
  if (word === undefined) return [{ path: [field], message: `is required: ${known.join(', ')}` }];
  if (typeof word !== 'string') return [{ path: [field], message: `must be one of ${known.join(', ')}` }];
  const meant = suggestion(word, known) || `; known: ${known.join(', ')}`;
  return [{ path: [field], message: `unknown ${field} ${JSON.stringify(word.slice(0, 80))}${meant}` }];
}

/** Notes the name of a document, also of one that is wrong otherwise. */
function checkUnique(document: ManifestDocument, declared: Map<string, ManifestDocument>): Complaint[] {
  const { kind, metadata } = (document.value ?? {}) as { kind?: unknown; metadata?: { name?: unknown } | null };
  const name = profileNameSchema.safeParse(metadata?.name).data;
  if (name === undefined || typeof kind !== 'string' || !KINDS.includes(kind as Kind)) return [];
  const key = resourceKey({ kind: kind as Kind, metadata: { name } });
  const first = declared.get(key);
  if (!first) {
    declared.set(key, document);
    return [];
  }
  const { file, line } = first.problemAt({ path: ['metadata', 'name'], message: '' });
  return [{ path: ['metadata', 'name'], message: `${key} is already declared at ${file}:${line}` }];
}
