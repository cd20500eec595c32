import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { factorOf, PAIRS, PERIOD_MS } from '../detect/burn-rate/burn-rate.ts';
import { readManifests, readSources } from '../resources/manifest.ts';
import { exportObjectives } from '../resources/openslo/openslo-export.ts';
import { importObjectives } from '../resources/openslo/openslo-import.ts';
import type { BurnPolicy } from '../resources/openslo/openslo-terms.ts';
import { printResources } from '../resources/print.ts';
import type { Resource } from '../resources/resource.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { Binder, Invocation } from './invocation.ts';
import { readDeclared } from './plan-apply.ts';

/** How objectives burn here. A factor is rounded as the workbook rounds it: 14.4 and not what a division leaves. */
const BURNS: BurnPolicy = {
  periodMs: PERIOD_MS,
  alerts: PAIRS.map((pair) => ({ ...pair, factor: Number(factorOf(pair).toPrecision(6)) })),
};

interface FromOptions {
  readonly from?: readonly string[];
}

export function declareSlo(program: Command, binder: Binder): void {
  const from = ['--from <path...>', 'manifests that declare the tenants; left out: those that run'] as const;
  const slo = program.command('slo').description('objectives of tenants as OpenSLO v1 documents');
  const taken = slo
    .command('import')
    .description('print the tenants as manifests, with the objectives of OpenSLO documents; changes nothing')
    .requiredOption('-f, --file <path...>', 'OpenSLO documents, or folders of them')
    .option(...from);
  binder.bind<FromOptions & { readonly file: readonly string[] }>(taken, runImport);
  const given = slo
    .command('export')
    .description('print the objectives of all tenants as OpenSLO documents')
    .option(...from);
  binder.bind<FromOptions>(given, async (invocation, options) => {
    const text = exportObjectives(await readTenants(invocation, options), BURNS);
    invocation.print({ openslo: text }, () => text);
  });
}

async function runImport(
  invocation: Invocation,
  { file, from }: FromOptions & { readonly file: readonly string[] },
): Promise<void> {
  const sources = await readSources(file);
  const { tenants, changes, warnings } = importObjectives(sources, await readTenants(invocation, { from }), BURNS);
  for (const warning of warnings) invocation.note(`warning: ${warning}`);
  for (const change of changes) invocation.note(change);
  if (tenants.length === 0) invocation.note('the objectives of all tenants are as in these documents already');
  else invocation.note('to make it so: keep what is printed in a file and apply it with `kintsugi apply -f FILE`');
  invocation.print({ tenants, changes, warnings }, () => printResources(tenants));
}

async function readTenants(invocation: Invocation, { from }: { from?: readonly string[] | undefined }) {
  const resources: readonly Resource[] = from
    ? (await readManifests(from)).resources.map(({ resource }) => resource)
    : await readDeclared(invocation);
  const tenants = resources.filter((each): each is Tenant => each.kind === 'Tenant');
  if (tenants.length > 0) return tenants;
  throw new KinError('manifest.missing', `no tenant in ${from?.join(', ') ?? 'what is declared'}`);
}
