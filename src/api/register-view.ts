import { toIso } from '../base/clock.ts';
import type { Posture, Result } from '../comply/posture.ts';
import {
  type ControllerEntry,
  entryOf,
  type MeasureEntry,
  PLACE_KINDS,
  type PlaceKind,
  type Proof,
  type Register,
} from '../evidence/register.ts';
import { factKey } from '../observe/fact.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { Control } from './control.ts';

const RESIDENCY: Readonly<Record<PlaceKind, FactName>> = {
  instances: 'residency.instances',
  stores: 'residency.stores',
  backups: 'residency.backups',
  logs: 'residency.logs',
  keys: 'residency.keys',
  support: 'residency.support',
};

/** The record of processing as it is at this moment: declared by people where only they know, measured where that can be. */
export async function registerNow(control: Control): Promise<{ readonly register: Register; readonly proof: Proof }> {
  const { world, compliance, records, options } = control;
  const now = options.clock.now();
  const { office, representative, dataProtectionOfficer } = world.declared.policy?.spec.processor ?? {};
  const processor = {
    office: office ?? null,
    representative: representative ?? null,
    dataProtectionOfficer: dataProtectionOfficer ?? null,
  };
  const agreements = await records.agreementsInForce();
  const controllers: Record<string, ControllerEntry> = {};
  const proof: Record<string, Record<string, readonly string[]>> = {};
  for (const tenant of world.declared.tenants.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const { name } = tenant.metadata;
    const { posture } = compliance;
    const satisfied = posture
      .frameworksOf(name)
      .flatMap((framework) => posture.results(name, framework, now))
      .filter(({ status, control: { checks } }) => status === 'satisfied' && checks.length > 0);
    controllers[name] = entryOf(
      {
        ...declaredOf(tenant),
        regionsMeasured: placesOf(posture, name, now),
        processors: Object.fromEntries(
          tenant.spec.processors.map((each) => [
            each,
            agreements.has(each) ? 'agreement on record' : 'no agreement on record',
          ]),
        ),
        measures: Object.fromEntries(satisfied.map((result) => [result.control.id, measureOf(result)])),
      },
      processor,
    );
    proof[name] = Object.fromEntries(satisfied.map((result) => [result.control.id, proofOf(result)]));
  }
  return { register: { form: 1, processor, controllers }, proof };
}

function declaredOf({ spec }: Tenant) {
  const { controller, representative, dataProtectionOfficer, categories, safeguards } = spec.processing;
  return {
    displayName: spec.displayName ?? null,
    controller: controller ?? null,
    representative: representative ?? null,
    dataProtectionOfficer: dataProtectionOfficer ?? null,
    categories,
    dataClasses: spec.dataClasses,
    regionsPermitted: spec.regions,
    safeguards,
  };
}

function placesOf(posture: Posture, tenant: string, now: number): ControllerEntry['regionsMeasured'] {
  const entries = PLACE_KINDS.map((kind) => {
    const name = RESIDENCY[kind];
    const fact = posture.fact(factKey({ name, subject: tenant }));
    const isFresh = fact !== undefined && fact.measuredAt + FACT_KINDS[name].freshMs > now;
    const regions = isFresh && fact.measured.kind === 'value' ? fact.measured.value : null;
    return [kind, Array.isArray(regions) ? regions : null];
  });
  return Object.fromEntries(entries) as ControllerEntry['regionsMeasured'];
}

function measureOf({ control, reasons }: Result): MeasureEntry {
  const facts = reasons.map(({ fact, subject }) => `${fact} of ${subject ?? 'nothing'}`).toSorted();
  return { clause: control.clause, title: control.title, facts };
}

function proofOf({ reasons }: Result): readonly string[] {
  return reasons.map(({ text, measuredAt }) => (measuredAt === null ? text : `${text}, at ${toIso(measuredAt)}`));
}
