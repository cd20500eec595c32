import type { Obliged } from '../../src/comply/posture.ts';
import type { Fact } from '../../src/observe/fact.ts';
import { FACT_KINDS, FACT_NAMES, type FactName } from '../../src/resources/fact-kinds.ts';
import { compileProfile, type Framework, profileSchema } from '../../src/resources/profile.ts';

export const NOW = 1_800_000_000_000;
const LIMIT = 50;

/** As many controls as asked for, each with one threshold over one fact of its own. */
export function frameworkOf(controls: number): Framework {
  return compileProfile(
    profileSchema.parse({
      apiVersion: 'kintsugi.dev/v1alpha1',
      kind: 'Profile',
      metadata: { name: 'bench' },
      spec: { title: 'Bench', controls: factNames(controls).map(controlOf) },
    }),
  );
}

function controlOf(fact: FactName, index: number) {
  const parameters = { limit: { value: LIMIT, unit: 'units', tighter: 'lower', status: 'in-force', source: 'bench' } };
  const words = { clause: '1', title: fact, paraphrase: fact };
  return { id: `bench-${index}`, ...words, parameters, checks: [{ fact, holds: 'value <= limit' }] };
}

/** Names of facts that are numbers. */
export function factNames(count: number): readonly FactName[] {
  const names = FACT_NAMES.filter((name) => FACT_KINDS[name].type === 'number').slice(0, count);
  if (names.length < count) throw new RangeError(`the catalogue has ${names.length} facts that are numbers`);
  return names;
}

export function tenantsOf(count: number): readonly Obliged[] {
  return Array.from({ length: count }, (_, index) => ({
    terms: { name: `t${index}`, regions: ['eu'], processors: [], dataClasses: [], availability: 0.999 },
    frameworks: ['bench'],
    contract: {},
  }));
}

/** Whose value is over the limit for one in eleven, so that both results occur. */
export function factOf(name: FactName, tenant: string, seed: number): Fact {
  const measured = { kind: 'value', value: seed % 55 } as const;
  return { name, subject: tenant, tenants: [tenant], measured, measuredAt: NOW, collector: 'bench', evidence: null };
}

/** Every fact of every tenant. */
export function* allFacts(names: readonly FactName[], tenants: readonly Obliged[]): Generator<Fact> {
  for (const [row, { terms }] of tenants.entries()) {
    for (const [column, name] of names.entries()) yield factOf(name, terms.name, row * 7 + column);
  }
}

/** What a peer is given for the same judgement. */
export interface Question {
  readonly value: number;
  readonly limit: number;
  readonly measuredAt: number;
  readonly freshMs: number;
  readonly now: number;
}

export function questionOf({ name, measured, measuredAt }: Fact): Question {
  const value = measured.kind === 'value' ? Number(measured.value) : Number.NaN;
  return { value, limit: LIMIT, measuredAt, freshMs: FACT_KINDS[name].freshMs, now: NOW + 1 };
}
