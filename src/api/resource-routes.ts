import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { checkContract } from '../resources/contract.ts';
import { contested, type ReferenceComplaint } from '../resources/cross-reference.ts';
import { formatPath } from '../resources/field-path.ts';
import { loosenings } from '../resources/loosening.ts';
import type { Profile } from '../resources/profile.ts';
import { type Resource, resourceKey, SCHEMAS } from '../resources/resource.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction } from '../store/lease.ts';
import { applyResources, readResources, type Submission } from '../store/resource-store.ts';
import type { Control } from './control.ts';
import { bySchema } from './request-parts.ts';

const documentsSchema = z
  .array(z.object({ resource: z.unknown(), baseFolder: z.string() }))
  .max(LIMITS.manifestDocuments);

/** What people declare: what would change, the change, and all of it. */
export function resourceRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const { database } = options;
  app.get('/v1/export', async () => ({ documents: (await readResources(database)).map((each) => each.resource) }));

  app.post('/v1/plan', { schema: { body: z.object({ documents: documentsSchema }) } }, async ({ body }) => {
    const keys = new Set(body.documents.map((each) => resourceKey(parseResource(each.resource))));
    const stored = (await readResources(database)).filter((each) => keys.has(resourceKey(each.resource)));
    const generations = Object.fromEntries([...keys].map((key) => [key, 0]));
    for (const each of stored) generations[resourceKey(each.resource)] = each.generation;
    return { current: stored.map((each) => each.resource), generations };
  });

  const applySchema = z.object({
    documents: documentsSchema,
    expected: z.record(z.string(), z.number()).optional(),
    by: bySchema,
  });
  app.post('/v1/apply', { schema: { body: applySchema } }, async ({ body }) => {
    const submissions = body.documents.map((each) => ({
      resource: parseResource(each.resource),
      baseFolder: each.baseFolder,
    }));
    checkLaw(
      submissions.map(({ resource }) => resource),
      control.world.declared.profiles,
    );
    const applied = await fencedTransaction(database, lease, async (tx) => {
      const { by, expected } = body;
      const before = new Map(
        (await readResources({ kysely: tx })).map(({ resource }) => [resourceKey(resource), resource]),
      );
      const done = await applyResources(tx, submissions, { by, ...(expected ? { expected } : {}) });
      await checkClaims({ kysely: tx }, submissions);
      for (const each of done.filter(({ change }) => change !== 'unchanged')) {
        const { key, change, generation, version = null } = each;
        const { resource } = submissions.find((submitted) => resourceKey(submitted.resource) === key)!;
        const loosens = loosenings(before.get(key), resource);
        const data = { generation, version, ...(loosens.length > 0 ? { loosens } : {}) };
        await record(tx, `resource.${change}`, key, data, { actor: { kind: 'operator', name: by } });
      }
      return done;
    });
    await control.refresh();
    return { applied };
  });
}

function parseResource(document: unknown): Resource {
  const kind = (document as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !(kind in SCHEMAS))
    throw new KinError('manifest.invalid', `unknown kind ${String(kind)}`);
  const parsed = SCHEMAS[kind as Resource['kind']].safeParse(document);
  if (parsed.success) return parsed.data;
  throw new KinError('manifest.invalid', z.prettifyError(parsed.error));
}

/** Nobody takes over requests of another: a host, a path, an API key belongs to one. */
async function checkClaims(database: Pick<Database, 'kysely'>, submissions: readonly Submission[]): Promise<void> {
  const keys = new Set(submissions.map(({ resource }) => resourceKey(resource)));
  const all = (await readResources(database)).map(({ resource }) => resource);
  const wrong = contested(all, keys);
  if (wrong) throw complaintOf(wrong);
}

function complaintOf({ resource, path, message }: ReferenceComplaint): KinError {
  return new KinError('manifest.invalid', `${resourceKey(resource)}: ${formatPath(path)} ${message}`);
}

/** What only the server can tell: contracts and names against the profiles that are in force here. */
function checkLaw(submitted: readonly Resource[], inForce: readonly Profile[]): void {
  const own = submitted.filter((each) => each.kind === 'Profile');
  const builtin = new Set(builtinProfiles().map(({ metadata }) => metadata.name));
  const reserved = own.find(({ metadata }) => builtin.has(metadata.name));
  if (reserved)
    throw new KinError('manifest.invalid', `${resourceKey(reserved)} comes with Kintsugi; name yours otherwise`);
  const replaced = new Set(own.map(({ metadata }) => metadata.name));
  const profiles = [...inForce.filter(({ metadata }) => !replaced.has(metadata.name)), ...own];
  for (const tenant of submitted.filter((each) => each.kind === 'Tenant')) {
    const [wrong] = checkContract(tenant, profiles);
    if (wrong) throw complaintOf({ resource: tenant, ...wrong });
  }
}
