import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { builtinProfiles } from '../../../src/resources/builtin-profiles.ts';
import { type Resource, resourceKey, SCHEMAS } from '../../../src/resources/resource.ts';
import type { Workload } from '../../../src/resources/workload.ts';
import { ACCOUNTS } from '../traffic/accounts.ts';

const clinic = dirname(import.meta.dirname);

function read(file: string): Resource[] {
  const documents = parseAllDocuments(readFileSync(join(clinic, file), 'utf8')).map((document) => document.toJS());
  return documents.map((document: { kind: keyof typeof SCHEMAS }) => SCHEMAS[document.kind].parse(document));
}

const stack = read('stack.yaml');
const workloads = stack.filter((resource): resource is Workload => resource.kind === 'Workload');
const records = workloads.find((workload) => workload.metadata.name === 'records')!;

test('the stack holds what the example promises', () => {
  expect(stack.map(resourceKey).join(' ')).toBe(
    'Tenant/clinic-de Tenant/hospital-us Tenant/shop Workload/database Workload/payments Workload/records',
  );
});

test('names that resources refer to each other by exist', () => {
  const builtin = builtinProfiles().map(({ metadata }) => metadata.name);
  const names = (kind: string) => stack.filter((one) => one.kind === kind).map((one) => one.metadata.name);
  for (const resource of stack) {
    if (resource.kind === 'Tenant') expect(builtin).toEqual(expect.arrayContaining(resource.spec.profiles));
    if (resource.kind !== 'Workload') continue;
    const mentioned = Object.values(resource.spec.config).map((value) => /\$\{dependency\.([^.]+)/.exec(value)?.[1]);
    expect(resource.spec.dependsOn).toEqual(expect.arrayContaining(mentioned.filter((name) => name !== undefined)));
    expect(names('Workload')).toEqual(expect.arrayContaining(resource.spec.dependsOn));
  }
});

test('each command finds its program in the folder of the artefact', () => {
  const all = [...workloads, ...(read('release-2.yaml') as Workload[]), ...(read('bad-config.yaml') as Workload[])];
  for (const { spec } of all) expect(existsSync(join(clinic, spec.artefact.path, spec.command[1]!))).toBe(true);
});

test('the keys of the traffic are those of the tenants', () => {
  for (const account of ACCOUNTS) {
    const tenant = stack.find((one) => one.kind === 'Tenant' && one.metadata.name === account.tenant);
    const sha256 = createHash('sha256').update(account.apiKey).digest('hex');
    expect(tenant).toMatchObject({
      spec: {
        identify: { hosts: [account.host], apiKeys: expect.arrayContaining([expect.objectContaining({ sha256 })]) },
      },
    });
  }
});

test('release 2 differs from release 1 by its artefact alone, the bad configuration by one value', () => {
  const [release2] = read('release-2.yaml') as Workload[];
  const [badConfig] = read('bad-config.yaml') as Workload[];
  expect(release2?.spec).toEqual({ ...records.spec, artefact: { path: './services-v2' } });
  expect(badConfig?.spec).toEqual({ ...records.spec, config: { ...records.spec.config, DB_CONNECT_TIMEOUT_MS: '1' } });
});
