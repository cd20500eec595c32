import { z } from 'zod';
import { type Exception, exceptionSchema } from './exception.ts';
import { type Freeze, freezeSchema } from './freeze.ts';
import { type Playbook, playbookSchema } from './playbook.ts';
import { type Policy, policySchema } from './policy.ts';
import { type Profile, profileSchema } from './profile.ts';
import { type Tenant, tenantSchema } from './tenant.ts';
import { type Workload, workloadSchema } from './workload.ts';

/** Every kind that a manifest may hold. The types, the defaults and the published JSON Schema all come from here. */
export const SCHEMAS = {
  Tenant: tenantSchema,
  Workload: workloadSchema,
  Playbook: playbookSchema,
  Profile: profileSchema,
  Freeze: freezeSchema,
  Exception: exceptionSchema,
  Policy: policySchema,
} as const;

export type Kind = keyof typeof SCHEMAS;
export const KINDS = Object.keys(SCHEMAS) as Kind[];
export type Resource = Tenant | Workload | Playbook | Profile | Freeze | Exception | Policy;

/** `Tenant/clinic-de`: how a resource is named in output, records and references. */
export function resourceKey(resource: Pick<Resource, 'kind'> & { metadata: { name: string } }): string {
  return `${resource.kind}/${resource.metadata.name}`;
}

/** JSON Schema (2020-12) of all kinds, for editors and for custom resource definitions. */
export function jsonSchema(): Record<string, unknown> {
  const kinds = KINDS.map((kind) => z.toJSONSchema(SCHEMAS[kind], { io: 'input' }));
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Kintsugi resources', oneOf: kinds };
}
