import type { TenantView } from '../diagnose/fleet-view.ts';

/** Where a move will put something, and for whom: all that the law is asked about. */
export interface Footprint {
  readonly move: string;
  readonly regions: readonly string[];
  readonly tenants: readonly string[];
}

/** The rules of a regulation that bear on moves, as a Profile declares them. */
export interface MoveRules {
  readonly profile: string;
  readonly residency: 'strict' | 'advisory';
  readonly needsApproval: readonly string[];
}

export type Ruling =
  | { readonly kind: 'permit' }
  | {
      readonly kind: 'deny' | 'needs-approval';
      readonly tenant: string;
      readonly clause: string;
      readonly reason: string;
    };

/**
 * May this move be made for these tenants? Judged for each of them; the strictest ruling wins. Unknown is a no: a tenant
 * that is not in `tenants`, or a profile that is not in `rules`, denies. Pure; knows nothing of healing.
 */
export function gate(footprint: Footprint, tenants: readonly TenantView[], rules: readonly MoveRules[]): Ruling {
  const rulings = footprint.tenants.flatMap((name) => rulingsFor(footprint, name, tenants, rules));
  return (
    rulings.find((ruling) => ruling.kind === 'deny') ??
    rulings.find((ruling) => ruling.kind === 'needs-approval') ?? { kind: 'permit' }
  );
}

/** One ruling for each profile that the tenant lives under: a profile that asks for a person overrules none that denies. */
function rulingsFor(
  footprint: Footprint,
  name: string,
  tenants: readonly TenantView[],
  rules: readonly MoveRules[],
): readonly Ruling[] {
  const tenant = tenants.find((each) => each.name === name);
  if (!tenant) return [{ kind: 'deny', tenant: name, clause: 'unknown', reason: `nothing is known of tenant ${name}` }];
  return tenant.profiles.map((profile) => judge(footprint, tenant, profile, rules));
}

function judge(footprint: Footprint, tenant: TenantView, profile: string, rules: readonly MoveRules[]): Ruling {
  const { name } = tenant;
  const rule = rules.find((each) => each.profile === profile);
  if (!rule) return { kind: 'deny', tenant: name, clause: profile, reason: `profile ${profile} is not known` };
  const outside = footprint.regions.filter((region) => !tenant.regions.includes(region));
  if (rule.residency === 'strict' && outside.length > 0 && outside.length === footprint.regions.length) {
    const where = outside.join(', ');
    return { kind: 'deny', tenant: name, clause: `${profile}: residency`, reason: `${name} may not be in ${where}` };
  }
  if (rule.needsApproval.includes(footprint.move)) {
    const reason = `${profile} asks for a person before ${footprint.move}`;
    return { kind: 'needs-approval', tenant: name, clause: profile, reason };
  }
  return { kind: 'permit' };
}
