import type { Clock } from '../../base/clock.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Fact, Measured } from '../fact.ts';
import { unknown } from './place-collector.ts';
import type { SessionPlace } from './session-calls.ts';
import type { Readings } from './session-trial.ts';

/** What a trial that ended has measured, and when. */
export interface Settled {
  readonly readings: Readings;
  readonly at: number;
  readonly evidence: string | null;
}

/** Facts of tenants, by whether the higher or the lower number is the worse one. */
export const WORSE = {
  'auth.session.idleMinutes': 'higher',
  'auth.lockout.attempts': 'higher',
  'auth.lockout.minutes': 'lower',
  'auth.leavers.minutes': 'higher',
  'auth.password.lengthMin': 'lower',
  'auth.password.history': 'lower',
} as const satisfies Partial<Record<FactName, 'higher' | 'lower'>>;

type TenantFact = keyof typeof WORSE;
const TENANT_FACTS = Object.keys(WORSE) as readonly TenantFact[];

export const SESSION_FACTS: readonly FactName[] = ['auth.probe.accepted', ...TENANT_FACTS];

/** Whether a number is worse than one that is asked for. What is not known is not bad. */
export function isViolated(fact: FactName, measured: Measured, demanded: readonly number[]): boolean {
  if (measured.kind === 'unknown') return false;
  const number = Number(measured.value);
  if (!isTenantFact(fact)) return number > 0;
  return demanded.some((limit) => (WORSE[fact] === 'higher' ? number > limit : number < limit));
}

function isTenantFact(fact: FactName): fact is TenantFact {
  return fact in WORSE;
}

interface Tried {
  readonly place: SessionPlace;
  readonly settled: Settled | undefined;
}

interface Telling {
  readonly clock: Clock;
  readonly tenants: () => readonly string[];
  readonly demanded: (tenant: string, fact: FactName) => readonly number[];
}

type Told = Omit<Fact, 'collector'>;

/**
 * What the trials say of each tenant, for every number that its law asks for, and of each place. A tenant has what the worst
 * of the places has that serve it; a place of which nothing is known hides no fault of another, and is no pass.
 */
export function tellTenants(tried: readonly Tried[], { tenants, demanded, clock }: Telling): readonly Told[] {
  const doors = tried.flatMap(({ place: { subject, tenants }, settled }): readonly Told[] => {
    const measured = settled?.readings['auth.probe.accepted'];
    if (!settled || !measured) return [];
    const { at: measuredAt, evidence } = settled;
    return [{ name: 'auth.probe.accepted', subject, tenants, measured, measuredAt, evidence }];
  });
  if (tried.length === 0) return [];
  const numbers = tenants().flatMap((tenant) =>
    TENANT_FACTS.flatMap((name): readonly Told[] => {
      const limits = demanded(tenant, name);
      const here = tried.filter(({ place }) => place.tenants === 'all' || place.tenants.includes(tenant));
      if (limits.length === 0 || here.length === 0) return [];
      return [{ name, subject: tenant, tenants: [tenant], ...worst(name, here, limits, clock.now()) }];
    }),
  );
  return [...doors, ...numbers];
}

function worst(name: TenantFact, tried: readonly Tried[], limits: readonly number[], now: number) {
  const found = tried.map(({ place, settled }) => ({
    measured: settled?.readings[name] ?? unknown(`${place.subject} is being tried`),
    measuredAt: settled?.at ?? now,
    evidence: settled?.evidence ?? null,
  }));
  const bad = found.filter(({ measured }) => isViolated(name, measured, limits));
  const blind = found.find(({ measured }) => measured.kind === 'unknown');
  if (blind && bad.length === 0) return blind;
  return (bad.length > 0 ? bad : found).reduce((a, b) => (isWorse(name, b.measured, a.measured) ? b : a));
}

function isWorse(name: TenantFact, a: Measured, b: Measured): boolean {
  if (a.kind === 'unknown' || b.kind === 'unknown') return false;
  return WORSE[name] === 'higher' ? a.value > b.value : a.value < b.value;
}
