import type { Footprint, Standing } from '../../comply/gate.ts';
import { assetOf, type FleetView, type SettingView, settingOf } from '../../diagnose/fleet-view.ts';
import type { MoveName } from '../../resources/playbook.ts';
import type { Claim, Deed } from '../../resources/move-rule-words.ts';
import type { Step } from '../plan.ts';

/** What the law sees in a move. What depends on the step is in `deedsOf`. */
const DEEDS: Readonly<Record<MoveName, readonly Deed[]>> = {
  revert: ['change'],
  rollback: ['roll-back', 'change'],
  quarantine: [],
  throttle: [],
  shed: [],
  suspend: [],
  reroute: ['change', 'place'],
  restart: ['place'],
  replace: ['place'],
  scale: ['scale-out', 'place'],
  'scale-in': [],
  resize: ['change'],
  recreate: ['change'],
  reenable: ['change'],
  terminate: [],
  rotate: ['change'],
  'sync-clock': ['change'],
  'back-up': [],
  'dead-letter': [],
  failover: ['relocate'],
  run: ['change'],
  page: ['page'],
};

/** A month is what Art. 12(3) GDPR gives for an answer: a limit that ends within a day takes no right away. */
const HARMLESS_MINUTES = 24 * 60;

/** The question that a step is to the law: what it does, to whom, where things stand after it, what can be shown. */
export function footprintOf(step: Step, fleet: FleetView): Footprint {
  const { move, touch } = step;
  return {
    move,
    deeds: deedsOf(step, fleet),
    tenants: touch.tenants,
    after: standingAfter(step, fleet),
    claims: claimsOf(step, fleet),
  };
}

function deedsOf(step: Step, fleet: FleetView): readonly Deed[] {
  const { move, input } = step;
  const setting = settingWrittenBy(step, fleet);
  const own = DEEDS[move];
  if (move === 'rotate') return isCertificate(step, fleet) ? ['rotate-certificate'] : own;
  if (move === 'revert' && setting === undefined) return DEEDS.rollback;
  if (isLimit(move) && isWhole(step)) return ['quarantine'];
  if (setting?.kind !== 'protection') return own;
  const isWeaker = setting.declared !== undefined && input['value'] !== setting.declared;
  return [...own, isWeaker ? 'weaken-control' : 'enable-isolation'];
}

/** A quarantine, or a limit that refuses all, of a whole tenant or workload; less keeps nobody out. */
function isWhole({ move, input }: Step): boolean {
  const isNarrow = [input['route'], input['fingerprint'], input['actor'], input['store']].some(
    (each) => typeof each === 'string',
  );
  return !isNarrow && (move === 'quarantine' || (move === 'shed' && Number(input['share'] ?? 0) >= 1));
}

function isLimit(move: MoveName): boolean {
  return move === 'quarantine' || move === 'shed';
}

/** A backup is where its program stands. A copy that takes over brings the data to its region; everything else only says where instances stand. */
function standingAfter({ move, input, touch }: Step, fleet: FleetView): Standing {
  const { regions } = touch;
  if (move === 'back-up') return { backups: regions };
  const to = move === 'failover' ? (input['input'] as { readonly to?: unknown } | undefined)?.to : undefined;
  const copy = typeof to === 'string' ? assetOf(fleet, to) : undefined;
  return copy?.region == null ? { instances: regions } : { instances: regions, data: [copy.region] };
}

/** What is so by the way that moves are made, and what the picture of the fleet shows. */
function claimsOf(step: Step, fleet: FleetView): Footprint['claims'] {
  const { move, input } = step;
  const minutes = Number(input['minutes'] ?? Number.POSITIVE_INFINITY);
  const claims: Partial<Record<Claim, boolean>> = {
    // A guard holds every step against the list of its playbook; the journal and the outbox come before each effect; the
    // executor counts nothing as done that an independent signal has not confirmed.
    'standard-change': true,
    recorded: true,
    'checked-after': true,
  };
  if (isLimit(move)) claims['time-boxed'] = Number.isFinite(minutes) && minutes > 0;
  if (isLimit(move)) claims['export-open'] = minutes <= HARMLESS_MINUTES;
  // Both certificates are valid until the repair has ended well: what a rotation owes (`MOVE_TRAITS`).
  if (move === 'rotate') claims['new-certificate-live'] = true;
  const setting = settingWrittenBy(step, fleet);
  if (setting?.kind === 'protection') {
    const proven = isContextProven(setting, input['value'], fleet);
    if (proven !== undefined) claims['tenant-context-proven'] = proven;
  }
  return claims;
}

/**
 * Whether the application names its tenant: its sessions were seen to, where somebody looks at them (not seen is not
 * known); elsewhere by its having served with the protection before.
 */
function isContextProven(setting: SettingView, value: unknown, fleet: FleetView): boolean | undefined {
  const seen = assetOf(fleet, `protection ${setting.id}`)?.detail['tenantContext'];
  if (typeof seen === 'boolean') return seen ? true : undefined;
  return setting.history.some((change) => change.value === value && change.soakedAt !== null);
}

function settingWrittenBy({ input }: Step, fleet: FleetView) {
  const { setting } = input;
  return typeof setting === 'string' ? settingOf(fleet, setting) : undefined;
}

function isCertificate({ input }: Step, fleet: FleetView): boolean {
  const { asset } = input;
  return typeof asset === 'string' && assetOf(fleet, asset)?.kind === 'certificate';
}
