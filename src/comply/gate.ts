import type { TenantView } from '../diagnose/fleet-view.ts';
import type { MoveRule } from '../resources/move-rule.ts';
import { type Claim, CLAIMS, type Deed, DEEDS, type Duty } from '../resources/move-rule-words.ts';

/** Regions or names; `unknown` when a move brings something somewhere and nobody can say where. */
export type Places = readonly string[] | 'unknown';

/** Where everything will stand after a move. What is left out stays where it is. */
export interface Standing {
  /** Of the instances that may serve: a tenant is served in those that it permits, so one of them has to be permitted. */
  readonly instances?: Places | undefined;
  /** Of the data that the move brings somewhere or lets lead: each has to be permitted. */
  readonly data?: Places | undefined;
  readonly backups?: Places | undefined;
  readonly logs?: Places | undefined;
  readonly keys?: Places | undefined;
  /** Names of third parties that will run what holds or carries the data. */
  readonly processors?: Places | undefined;
}

/** A move as the law is asked about it: what it does, for whom, where everything will stand, and what can be shown of it. */
export interface Footprint {
  /** The healer's name for it. */
  readonly move: string;
  /** What the law sees in it. A name that is not known denies. */
  readonly deeds: readonly Deed[];
  readonly tenants: readonly string[];
  readonly after: Standing;
  /** What is known to be so, or not to be so; a claim that is left out is not known. */
  readonly claims: Readonly<Partial<Record<Claim, boolean>>>;
}

/** What binds a tenant. */
export type BoundTenant = Pick<TenantView, 'name' | 'regions' | 'profiles' | 'processors' | 'hasEmergencyAccess'>;

/** What a regulation says about moves, as a Profile declares it. */
export interface MoveRules {
  readonly profile: string;
  readonly residency: 'strict' | 'advisory';
  /** The clause that residency follows from; the profile's name when there is none. */
  readonly residencyClause?: string | undefined;
  readonly needsApproval: readonly string[];
  readonly rules?: readonly MoveRule[] | undefined;
}

export interface OwedDuty {
  readonly duty: Duty;
  readonly clause: string;
}

/** What the law says of a move for one tenant. */
export type TenantRuling =
  | { readonly kind: 'permit'; readonly tenant: string; readonly duties: readonly OwedDuty[] }
  | {
      readonly kind: 'deny' | 'needs-approval';
      readonly tenant: string;
      /** With the profile that it is of: `gdpr Art. 44`; of the first regulation where several deny. */
      readonly clause: string;
      /** One sentence for people; names the clauses of the others that deny. */
      readonly reason: string;
    };
type Denial = Extract<TenantRuling, { readonly reason: string }>;

/**
 * The ruling for a move. `kind` is the strictest of all tenants: the move as a whole may be made only on `permit`. Where it
 * is not, it may be made for `permitted` alone, if it can be split; the `held` stay where they are and are told why.
 */
export interface Ruling {
  readonly kind: 'permit' | 'deny' | 'needs-approval';
  readonly tenants: readonly TenantRuling[];
  readonly permitted: readonly string[];
  readonly held: readonly string[];
  /** What follows for whoever makes the move, each once, for the permitted tenants. */
  readonly duties: readonly OwedDuty[];
  /** Of the strictest ruling; empty on a permit. */
  readonly clause: string;
  readonly reason: string;
}

/** Moves that are lawful also while the rules cannot be read: they take nothing away from anybody. */
const SAFE: ReadonlySet<Deed> = new Set<Deed>(['page', 'rotate-certificate']);

/**
 * May this move be made for these tenants? Judged for each of them and for each of its profiles; the strictest ruling wins.
 * Unknown is a no: a tenant that is not in `tenants`, a profile that is not in `rules`, a deed that has no name, a place
 * that nobody can say, a claim that a rule needs and nobody has shown. While the rules cannot be read (`undefined`) only
 * calling a person and renewing a certificate are lawful, and so they are under a profile that is not known. Pure; knows nothing of healing.
 */
export function gate(
  footprint: Footprint,
  tenants: readonly BoundTenant[],
  rules: readonly MoveRules[] | undefined,
): Ruling {
  const known = byName(tenants);
  const rulings = footprint.tenants.map((name) => rulingFor(footprint, name, known.get(name), rules));
  const strictest = rulings.find(({ kind }) => kind === 'deny') ?? rulings.find(({ kind }) => kind !== 'permit');
  const { clause, reason } =
    strictest === undefined || strictest.kind === 'permit' ? { clause: '', reason: '' } : strictest;
  return {
    kind: strictest?.kind ?? 'permit',
    tenants: rulings,
    permitted: rulings.filter(({ kind }) => kind === 'permit').map(({ tenant }) => tenant),
    held: rulings.filter(({ kind }) => kind !== 'permit').map(({ tenant }) => tenant),
    duties: onceEach(rulings.flatMap((ruling) => (ruling.kind === 'permit' ? ruling.duties : []))),
    clause,
    reason,
  };
}

const indices = new WeakMap<readonly BoundTenant[], ReadonlyMap<string, BoundTenant>>();

/** Made once for each picture of the fleet. */
function byName(tenants: readonly BoundTenant[]): ReadonlyMap<string, BoundTenant> {
  const known = indices.get(tenants) ?? new Map(tenants.map((each) => [each.name, each]));
  indices.set(tenants, known);
  return known;
}

function rulingFor(
  footprint: Footprint,
  name: string,
  tenant: BoundTenant | undefined,
  rules: readonly MoveRules[] | undefined,
): TenantRuling {
  if (!tenant) return no(name, 'unknown', `nothing is known of tenant ${name}`);
  if (rules === undefined) {
    return isSafe(footprint) ? yes(name, []) : no(name, 'unknown', 'the rules cannot be read');
  }
  const strange = footprint.deeds.find((deed) => !Object.hasOwn(DEEDS, deed));
  if (strange !== undefined) return no(name, 'unknown', `nobody knows what ${strange} is`);
  let asks: TenantRuling | undefined;
  const denials: Denial[] = [];
  const duties: OwedDuty[] = [];
  for (const profile of tenant.profiles) {
    const found = judge(footprint, tenant, profile, rules);
    if (found.kind === 'permit') duties.push(...found.duties);
    else if (found.kind === 'deny') denials.push(found);
    else asks ??= found;
  }
  const [first, ...others] = denials;
  if (!first) return asks ?? yes(name, duties);
  // Who makes it lawful under one regulation is not to learn of the next one by another try.
  if (others.length === 0) return first;
  const also = others.map(({ clause }) => clause).join(', ');
  return { ...first, reason: `${first.reason.replace(/\.$/, '')}; also against ${also}` };
}

/** It takes nothing away from anybody, whatever the rules may say. */
function isSafe({ deeds }: Footprint): boolean {
  return deeds.length > 0 && deeds.every((deed) => SAFE.has(deed));
}

function judge(footprint: Footprint, tenant: BoundTenant, profile: string, all: readonly MoveRules[]): TenantRuling {
  const { name } = tenant;
  const rules = all.find((each) => each.profile === profile);
  if (!rules) return isSafe(footprint) ? yes(name, []) : no(name, profile, `profile ${profile} is not known`);
  const outside = rules.residency === 'strict' ? whatIsOutside(footprint, tenant) : undefined;
  if (outside !== undefined) return no(name, clauseOf(profile, rules.residencyClause ?? 'residency'), outside);
  let asks: TenantRuling | undefined;
  if (rules.needsApproval.includes(footprint.move)) {
    asks = ask(name, profile, `${profile} asks for a person before ${footprint.move}`);
  }
  const duties: OwedDuty[] = [];
  for (const rule of rules.rules ?? []) {
    if (!footprint.deeds.some((deed) => rule.on.includes(deed))) continue;
    const against = whatStandsAgainst(rule, footprint, tenant);
    const clause = clauseOf(profile, rule.clause);
    if (against === undefined) for (const duty of rule.duties) duties.push({ duty, clause });
    else if (rule.otherwise === 'deny') return no(name, clause, against);
    else asks ??= ask(name, clause, against);
  }
  return asks ?? yes(name, duties);
}

/** Why residency does not permit it; undefined when it does. */
function whatIsOutside({ deeds, after }: Footprint, { name, regions }: BoundTenant): string | undefined {
  const { instances, data } = after;
  if (deeds.includes('relocate') && instances === undefined && data === undefined) {
    return `nobody has said where the data of ${name} will be`;
  }
  if (instances === 'unknown') return `nobody can say where ${name} will be served`;
  if (instances && instances.length > 0 && !instances.some((region) => regions.includes(region))) {
    return `${name} may not be in ${instances.join(', ')}`;
  }
  for (const what of ['data', 'backups', 'logs', 'keys'] as const) {
    const places = after[what];
    if (places === undefined) continue;
    if (places === 'unknown') return `nobody can say where the ${what} of ${name} will be`;
    const strange = places.filter((region) => !regions.includes(region));
    if (strange.length > 0) return `${what} of ${name} may not be in ${strange.join(', ')}`;
  }
  return undefined;
}

/** The first thing that a rule misses or is barred by; undefined when it is kept. */
function whatStandsAgainst(rule: MoveRule, footprint: Footprint, tenant: BoundTenant): string | undefined {
  if (rule.forbids) return `${footprint.move} is never lawful here: ${rule.paraphrase}`;
  for (const claim of rule.needs) {
    const shown = isShown(claim, footprint, tenant);
    if (shown === true) continue;
    const how = shown === false ? 'it is known not to be so' : 'nobody has shown it';
    return `${footprint.move} needs that ${CLAIMS[claim]}; ${how}`;
  }
  const bar = rule.barredBy.find((claim) => isShown(claim, footprint, tenant) === true);
  return bar && `${footprint.move} is barred: ${CLAIMS[bar]}`;
}

/** Claims about places follow from the standing and the tenant; the others are given. What is known not to be so is not so. */
function isShown(claim: Claim, { after, claims }: Footprint, tenant: BoundTenant): boolean | undefined {
  if (claims[claim] === false) return false;
  switch (claim) {
    case 'copies-permitted':
      return both(areAmong(after.data, tenant.regions), areAmong(after.backups, tenant.regions));
    case 'logs-permitted':
      return areAmong(after.logs, tenant.regions);
    case 'keys-permitted':
      return areAmong(after.keys, tenant.regions);
    case 'processors-authorised':
      return areAmong(after.processors, tenant.processors);
    case 'processors-bound':
      // Who runs it today runs it under the agreement of today.
      return after.processors === undefined ? true : (claims['processors-bound'] ?? claims['agreement-in-force']);
    case 'emergency-open':
      return claims[claim] ?? tenant.hasEmergencyAccess;
    default:
      return claims[claim];
  }
}

/** What stays where it is, is as lawful as it was: the posture says whether it is. */
function areAmong(places: Places | undefined, permitted: readonly string[]): boolean | undefined {
  if (places === 'unknown') return undefined;
  return places === undefined || places.every((each) => permitted.includes(each));
}

function both(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  if (one === false || other === false) return false;
  return one === undefined || other === undefined ? undefined : true;
}

function clauseOf(profile: string, clause: string): string {
  return clause === 'residency' ? `${profile}: residency` : `${profile} ${clause}`;
}

function onceEach(duties: readonly OwedDuty[]): readonly OwedDuty[] {
  return duties.length < 2
    ? duties
    : [...new Map(duties.map((each) => [`${each.duty} ${each.clause}`, each])).values()];
}

function yes(tenant: string, duties: readonly OwedDuty[]): TenantRuling {
  return { kind: 'permit', tenant, duties };
}

function no(tenant: string, clause: string, reason: string): TenantRuling {
  return { kind: 'deny', tenant, clause, reason };
}

function ask(tenant: string, clause: string, reason: string): TenantRuling {
  return { kind: 'needs-approval', tenant, clause, reason };
}
