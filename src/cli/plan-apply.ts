import type { Command } from 'commander';
import { type Change, diffResources, renderChanges } from '../resources/diff.ts';
import { formatPath } from '../resources/field-path.ts';
import { loosenings } from '../resources/loosening.ts';
import { readManifests } from '../resources/manifest.ts';
import { printResources } from '../resources/print.ts';
import { type Resource, resourceKey } from '../resources/resource.ts';
import { KinError } from '../base/errors.ts';
import type { PlanAnswer } from './answers.ts';
import type { Binder, Invocation } from './invocation.ts';
import { renderPlanShow } from './plan-show.ts';
import { renderRows } from './table.ts';

/** A document as it is sent to control. */
export interface Submission {
  readonly resource: Resource;
  readonly baseFolder: string;
}

/** What would change, and from which generations. */
export interface Outlook {
  readonly documents: readonly Submission[];
  readonly current: readonly Resource[];
  readonly generations: Readonly<Record<string, number>>;
  readonly changes: readonly Change[];
  readonly warnings: readonly string[];
}

/** What an apply did to one resource. */
export interface Applied {
  readonly key: string;
  readonly change: 'created' | 'changed' | 'unchanged';
  readonly generation: number;
  readonly version?: number;
}

interface FileOptions {
  readonly file: readonly string[];
  readonly by?: string;
}

export function declarePlanAndApply(program: Command, binder: Binder): void {
  const file = ['-f, --file <path...>', 'manifests, or folders of them'] as const;
  const plan = program.command('plan').description('show what applying manifests would change; changes nothing');
  binder.bind<Partial<FileOptions>>(plan.option(...file), async (invocation, { file: files }) => {
    if (!files) throw new KinError('usage.invalid', 'plan needs -f FILE, or `plan show ID` for the plan of a repair');
    await runPlan(invocation, { file: files });
  });
  const show = plan
    .command('show')
    .description('the plan of a repair: what it does and touches, what guards say, what it would call; changes nothing')
    .argument('<id>', 'as `status` and `incident show` print it');
  binder.bind(show, async (invocation, _options, id = '') => {
    const answer = await invocation.ask<PlanAnswer>('GET', `/v1/plans/${encodeURIComponent(id)}`);
    invocation.print(answer, () => renderPlanShow(answer, invocation, invocation.context.clock.now()));
  });
  const apply = program
    .command('apply')
    .description('make what manifests declare so; resources that they do not name stay as they are')
    .requiredOption(...file)
    .option('--by <name>', 'who applies, for the record');
  binder.bind<FileOptions>(apply, runApply);
  binder.bind(program.command('export').description('print everything that is declared, as one manifest'), runExport);
}

async function runPlan(invocation: Invocation, { file }: FileOptions): Promise<void> {
  const { changes, generations, warnings } = await readOutlook(invocation, file);
  for (const warning of warnings) invocation.note(`warning: ${warning}`);
  invocation.print({ changes: changes.map(withoutValues), generations, warnings }, () => renderChanges(changes));
}

/** Values may be secrets; the paths say where to look. */
function withoutValues({ key, change, fields }: Change) {
  return { key, change, fields: fields.map(({ path }) => formatPath(path)) };
}

/** Reads manifests and compares them with what is declared now. */
export async function readOutlook(invocation: Invocation, files: readonly string[]): Promise<Outlook> {
  const declared = await readDeclared(invocation);
  const { resources, warnings } = await readManifests(files, { known: declared.map(resourceKey) });
  const documents = resources.map(({ resource, folder }) => ({ resource, baseFolder: folder }));
  const answer = await invocation.ask<Pick<Outlook, 'current' | 'generations'>>('POST', '/v1/plan', { documents });
  const desired = documents.map(({ resource }) => resource);
  const changes = diffResources(answer.current, desired);
  return { documents, ...answer, changes, warnings: [...warnings, ...loosened(answer.current, desired)] };
}

/** What people should know before they take a protection away; it goes on the record with the change. */
function loosened(current: readonly Resource[], desired: readonly Resource[]): readonly string[] {
  const before = new Map(current.map((each) => [resourceKey(each), each]));
  return desired.flatMap((each) => {
    const key = resourceKey(each);
    return loosenings(before.get(key), each).map((what) => `${key} is loosened: ${what}`);
  });
}

/** Everything that is declared. */
export async function readDeclared(invocation: Invocation): Promise<readonly Resource[]> {
  return (await invocation.ask<{ documents: readonly Resource[] }>('GET', '/v1/export')).documents;
}

async function runApply(invocation: Invocation, { file, by }: FileOptions): Promise<void> {
  const { documents, generations, changes, warnings } = await readOutlook(invocation, file);
  for (const warning of warnings) invocation.note(`warning: ${warning}`);
  const body = { documents, expected: expectedOf(documents, generations), by: invocation.actor(by) };
  const { applied } = await invocation.ask<{ applied: readonly Applied[] }>('POST', '/v1/apply', body);
  invocation.print({ applied, warnings }, () => `${renderChanges(changes)}\n${renderApplied(applied)}`);
}

/** The generation of each document as it was seen; 0 for one that was not there, so that nobody else makes it meanwhile. */
function expectedOf(documents: readonly Submission[], generations: Readonly<Record<string, number>>) {
  const keys = documents.map(({ resource }) => resourceKey(resource));
  return Object.fromEntries(keys.map((key) => [key, generations[key] ?? 0]));
}

function renderApplied(applied: readonly Applied[]): string {
  const rows = applied.map(({ key, change, version }) => [
    change,
    key,
    version === undefined ? '' : `version ${version} is on its way`,
  ]);
  return renderRows(rows);
}

async function runExport(invocation: Invocation): Promise<void> {
  const documents = await readDeclared(invocation);
  invocation.print({ documents }, () => printResources(documents));
}
