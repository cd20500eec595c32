import { sql } from 'kysely';
import { KinError } from '../base/errors.ts';
import { type Resource, resourceKey, SCHEMAS } from '../resources/resource.ts';
import { configDigest } from '../resources/version.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { Workload } from '../resources/workload.ts';
import { measureArtefact } from './artefact.ts';
import type { Database, DatabaseTransaction } from './database.ts';
import { appendSettingChange } from './setting-store.ts';

/** A resource as it stands, with where it came from. */
export interface StoredResource {
  readonly resource: Resource;
  readonly generation: number;
  readonly baseFolder: string;
}

/** A document to be applied, and the folder that its artefact path is relative to. */
export interface Submission {
  readonly resource: Resource;
  readonly baseFolder: string;
}

/** What an apply did to one resource. */
export interface Applied {
  readonly key: string;
  readonly change: 'created' | 'changed' | 'unchanged';
  readonly generation: number;
  /** The new version of a workload, when there is one. */
  readonly version?: number;
}

const APPLY_LOCK = 4_846_772_003;

export async function readResources(database: Pick<Database, 'kysely'>): Promise<readonly StoredResource[]> {
  const rows = await database.kysely.selectFrom('resource').selectAll().orderBy('kind').orderBy('name').execute();
  return rows.map((row) => ({
    resource: SCHEMAS[row.kind as Resource['kind']].parse(row.document),
    generation: row.generation,
    baseFolder: row.base_folder,
  }));
}

/**
 * Makes the submissions so, in one transaction. `expected` holds the generation of each that the caller saw (0 for one
 * that was not there); a difference rejects with `resource.conflict` and nothing is changed: two operators who apply at
 * once do not overwrite each other. Artefacts are measured before (`artefact.missing`, `artefact.drifted`).
 */
export async function applyResources(
  tx: DatabaseTransaction,
  submissions: readonly Submission[],
  options: { readonly by: string; readonly expected?: Readonly<Record<string, number>> },
): Promise<readonly Applied[]> {
  await sql`select pg_advisory_xact_lock(${APPLY_LOCK}::bigint)`.execute(tx);
  const applied: Applied[] = [];
  for (const submission of submissions) applied.push(await applyOne(tx, submission, options));
  return applied;
}

async function applyOne(
  tx: DatabaseTransaction,
  { resource, baseFolder }: Submission,
  options: { readonly by: string; readonly expected?: Readonly<Record<string, number>> },
): Promise<Applied> {
  const key = resourceKey(resource);
  const { kind } = resource;
  const { name } = resource.metadata;
  const present = await tx
    .selectFrom('resource')
    .select(['generation', 'document', sql<boolean>`document = ${JSON.stringify(resource)}::jsonb`.as('same')])
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  const generation = present?.generation ?? 0;
  const expected = options.expected?.[key];
  if (expected !== undefined && expected !== generation) {
    throw new KinError('resource.conflict', `${key} is at generation ${generation}, the plan saw ${expected}`, {
      details: { resource: key, generation },
    });
  }
  // A workload is looked at even when its document is the same: the artefact behind the path may have changed.
  const version = resource.kind === 'Workload' ? await addVersion(tx, resource, baseFolder) : undefined;
  if (present?.same && version === undefined) return { key, change: 'unchanged', generation };
  const row = { generation: generation + 1, document: JSON.stringify(resource), changed_by: options.by };
  await tx
    .insertInto('resource')
    .values({ kind, name, base_folder: baseFolder, ...row })
    .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet({ base_folder: baseFolder, ...row }))
    .execute();
  await tx
    .insertInto('resource_history')
    .values({ kind, name, ...row })
    .execute();
  if (resource.kind === 'Tenant') await writeTenantConfig(tx, resource, present?.document, options.by);
  const change = present ? 'changed' : 'created';
  return { key, change, generation: generation + 1, ...(version === undefined ? {} : { version }) };
}

/** Records a new immutable version when artefact or configuration differ from the newest, and makes it the target. */
async function addVersion(
  tx: DatabaseTransaction,
  workload: Workload,
  baseFolder: string,
): Promise<number | undefined> {
  const { name } = workload.metadata;
  const artefact = await measureArtefact(workload, baseFolder);
  const config = configDigest(workload);
  const newest = await tx
    .selectFrom('workload_version')
    .select(['version', 'artefact_digest', 'config_digest'])
    .where('workload', '=', name)
    .orderBy('version', 'desc')
    .executeTakeFirst();
  if (newest && newest.artefact_digest === artefact.digest && newest.config_digest === config) return undefined;
  const version = (newest?.version ?? 0) + 1;
  await tx
    .insertInto('workload_version')
    .values({
      workload: name,
      version,
      artefact_path: artefact.path,
      artefact_digest: artefact.digest,
      config_digest: config,
      document: JSON.stringify(workload),
    })
    .execute();
  await tx
    .insertInto('workload_state')
    .values({ workload: name, target_version: version, phase: 'initial' })
    .onConflict((conflict) =>
      conflict.column('workload').doUpdateSet({
        target_version: version,
        phase: 'canary',
        phase_since: sql`now()`,
        revision: sql`workload_state.revision + 1`,
      }),
    )
    .execute();
  return version;
}

/**
 * Notes each key of the tenant's configuration that this manifest changes. What the manifest leaves as it was is left as
 * it is: a repair may have gone back from it since, and applying the same file again is no wish to undo that.
 */
async function writeTenantConfig(tx: DatabaseTransaction, tenant: Tenant, before: unknown, by: string): Promise<void> {
  const { name } = tenant.metadata;
  const old = before === undefined ? {} : SCHEMAS.Tenant.parse(before).spec.config;
  const { config } = tenant.spec;
  for (const key of new Set([...Object.keys(old), ...Object.keys(config)])) {
    if (old[key] === config[key]) continue;
    await appendSettingChange(tx, { setting: `tenant/${name}/${key}`, value: config[key] ?? null, by, key: null });
  }
}
