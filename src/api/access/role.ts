/** What a token is for. Each is bound to all tenants or to one. */
export const ROLES = {
  operator: 'everything: declares, heals by hand, stops, drills, makes tokens',
  approver: 'reads, and says yes or no to plans and to losses',
  auditor: 'reads, and takes evidence away',
  tenant: 'administrator of one tenant: reads what is its own, and takes its evidence away',
  service: 'another program: reads metrics and the posture, asks the gate, plans and applies manifests',
} as const;

export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as [Role, ...Role[]];

/**
 * Who asks. `tenant` is the one that it is bound to, null for all; `id` of its token, null for the owner of the state
 * directory, who needs none.
 */
export interface Caller {
  readonly id: string | null;
  /** For the record; null: as the caller says. */
  readonly name: string | null;
  readonly role: Role;
  readonly tenant: string | null;
}

/** Whoever can open what only the owner of the state directory can. */
export const OWNER: Caller = { id: null, name: null, role: 'operator', tenant: null };
