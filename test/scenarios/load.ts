import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KinError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { type ManifestDocument, readDocuments } from '../../src/resources/manifest-document.ts';
import type { ManifestProblem } from '../../src/resources/manifest-problem.ts';
import { complaintsOf } from '../../src/resources/schema-issue.ts';
import { crossReferences } from './cross-reference.ts';
import { type Scenario, scenarioSchema } from './scenario.ts';
import { scenarioFault } from './scenario-problem.ts';

/** A scenario, and the file that it stands in. */
export interface ScenarioFile {
  readonly file: string;
  readonly scenario: Scenario;
}

/**
 * Reads scenario files, and folders with all `*.yaml` and `*.yml` below them in the order of their names. Rejects with
 * `manifest.invalid`, whose message lists everything that is wrong, each with file, line, column and what was probably
 * meant; with `manifest.missing` when a path is not there or there is no scenario at all.
 */
export async function readScenarios(paths: readonly string[]): Promise<readonly ScenarioFile[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const texts = await Promise.all(files.map(readText));
  const loaded = parseScenarios(texts);
  if (loaded.length > 0) return loaded;
  throw new KinError('manifest.missing', `no scenario in ${paths.join(', ')}`, { details: { paths: [...paths] } });
}

/** What is far too large for a scenario is not read at all. */
async function readText(file: string): Promise<{ file: string; text: string }> {
  const refuse = (message: string) => scenarioFault([{ file, line: 1, column: 1, path: [], message }]);
  const { size } = await stat(file);
  if (size > LIMITS.manifestBytes) throw refuse(`is larger than ${LIMITS.manifestBytes} bytes; a scenario is a page`);
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)) };
  } catch (error) {
    if (error instanceof TypeError) throw refuse('is not UTF-8 text');
    throw error;
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new KinError('manifest.missing', `no scenario file at ${path}`, { cause, details: { path } });
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true });
  return entries
    .filter((entry) => /\.ya?ml$/.test(entry))
    .sort()
    .map((entry) => join(path, entry));
}

/** The same for texts that are at hand. An empty list is accepted. */
export function parseScenarios(texts: readonly { file: string; text: string }[]): readonly ScenarioFile[] {
  const problems: ManifestProblem[] = [];
  const loaded: ScenarioFile[] = [];
  const seen = new Map<string, string>();
  for (const { file, text } of texts) {
    const { documents, problems: unreadable } = readDocuments({ file, folder: '.', text });
    problems.push(...unreadable);
    for (const extra of documents.slice(1)) {
      problems.push(extra.problemAt({ path: [], message: 'is a second scenario; a file holds one, so split it' }));
    }
    const document = documents[0];
    const scenario = document && readOne(document, problems);
    if (!document || !scenario) continue;
    const id = `${scenario.pack}/${scenario.scenario}`;
    const first = seen.get(id);
    if (first) problems.push(document.problemAt({ path: ['scenario'], message: `${id} is already in ${first}` }));
    seen.set(id, file);
    loaded.push({ file, scenario });
  }
  if (problems.length > 0) throw scenarioFault(problems);
  return loaded;
}

function readOne(document: ManifestDocument, problems: ManifestProblem[]): Scenario | undefined {
  const parsed = scenarioSchema.safeParse(document.value);
  const complaints = parsed.success
    ? crossReferences(parsed.data)
    : complaintsOf(scenarioSchema, document.value, parsed.error.issues);
  problems.push(...complaints.map((complaint) => document.problemAt(complaint)));
  return parsed.success ? parsed.data : undefined;
}
