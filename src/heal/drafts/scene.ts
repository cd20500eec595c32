import type { JsonObject } from '../../base/json.ts';
import type { Subject, Symptom } from '../../detect/symptom.ts';
import {
  type ActorView,
  type AssetView,
  assetOf,
  type FleetView,
  type InstanceView,
  instanceOf,
  occupantOf,
  type SettingView,
  settingOf,
  type TenantView,
  type WorkloadView,
  workloadOf,
} from '../../diagnose/fleet-view.ts';
import { assetOrPlaceOf } from '../../diagnose/failure-domains.ts';
import type { Cause } from '../../resources/playbook.ts';
import type { Step } from '../plan.ts';
import type { PastRepair } from '../situation.ts';

/** What is to be healed, with all that a draft may look at. */
export interface Scene {
  readonly cause: Cause;
  readonly subject: Subject;
  readonly workload: string | null;
  readonly incident: string;
  readonly summary: string;
  readonly evidence: readonly Symptom[];
  /** When the trouble began: what was written since proves nothing. */
  readonly onset: number;
  readonly fleet: FleetView;
  readonly planId: string;
  /** Place of the rung in its playbook: tells its keys and successors from those of other rungs. */
  readonly rung: number;
  /** Repairs of the recent past: what was tried in vain is not tried again. */
  readonly repairs: readonly PastRepair[];
}

/** A step before it has its place in a ladder. */
export type Draft = Pick<Step, 'move' | 'input' | 'touch' | 'effect' | 'undo'>;

/** The steps that a move takes in a scene, in order; none where it does not fit. */
export type DraftMove = (scene: Scene, parameters: JsonObject) => readonly Draft[];

/** Names one deed of the plan: the same deed again is known by it. */
export function keyOf(scene: Scene, what: string): string {
  return `${scene.planId}-${scene.rung}-${what}`;
}

export function subjectAsset({ subject, fleet }: Scene): AssetView | undefined {
  return subject.kind === 'asset' ? assetOrPlaceOf(fleet, subject.name) : undefined;
}

/** Whether the side that checks it can be told to take again what its holders hold. */
export function isRestorable({ detail }: AssetView): boolean {
  return detail['restore'] === true;
}

export function subjectActor({ subject, fleet }: Scene): ActorView | undefined {
  return subject.kind === 'actor' ? fleet.actors.find((each) => each.name === subject.name) : undefined;
}

export function subjectWorkload({ subject, workload, fleet }: Scene): WorkloadView | undefined {
  return workloadOf(fleet, workload ?? (subject.kind === 'workload' ? subject.name : ''));
}

/** Conditions that the evidence holds of an asset, without their prefix. */
export function conditionsOf({ evidence }: Scene, asset: string): readonly string[] {
  return evidence.flatMap(({ name, subject }) =>
    subject.kind === 'asset' && subject.name === asset && name.startsWith('asset-') ? [name.slice(6)] : [],
  );
}

/** The first fact of this name in the evidence, strongest symptom first. */
export function factOf({ evidence }: Scene, name: string): JsonObject[string] | undefined {
  for (const each of evidence) {
    const detail = each.evidence['detail'];
    const inner = detail !== null && typeof detail === 'object' && !Array.isArray(detail) ? (detail as JsonObject) : {};
    const found = each.evidence[name] ?? inner[name];
    if (found !== undefined && found !== null) return found;
  }
  return undefined;
}

/** Settings that the subject is, that govern it, or that it wrote itself: what there is to be put right. */
export function settingsOf(scene: Scene): readonly SettingView[] {
  const { subject, fleet } = scene;
  if (subject.kind === 'setting') {
    const accused = settingOf(fleet, subject.name);
    return accused ? [accused, ...fleet.settings.filter((each) => isOfOneChange(each, accused))] : [];
  }
  if (subject.kind === 'asset') {
    const strayed = strayedTenant(scene);
    if (strayed) return routesOf(strayed, fleet);
    const asset = assetOf(fleet, subject.name);
    const ids = new Set(asset?.settings ?? []);
    return fleet.settings.filter(({ id, governs = [] }) => ids.has(id) || governs.includes(subject.name));
  }
  if (subject.kind === 'actor') return fleet.settings.filter((each) => isHandOf(each.history.at(-1)?.by, subject.name));
  return [];
}

/** The tenant that is measured to be served in a region that it does not permit. */
export function strayedTenant({ evidence, fleet }: Pick<Scene, 'evidence' | 'fleet'>): TenantView | undefined {
  const claim = evidence.find(({ name }) => name === 'fact-residency.instances');
  return claim && fleet.tenants.find(({ name }) => claim.subject.name === `tenant ${name}`);
}

/** Ways that lead one tenant alone. */
export function routesOf(tenant: TenantView, fleet: FleetView): readonly SettingView[] {
  return fleet.settings.filter(
    (each) => (each.kind === 'route' || each.kind === 'resolver') && each.tenant === tenant.name,
  );
}

/** What one hand changed about the same workloads in one go was one change, and goes back as one. */
const ONE_CHANGE_MS = 2_000;

function isOfOneChange(other: SettingView, accused: SettingView): boolean {
  const [mine, theirs] = [accused.history.at(-1), other.history.at(-1)];
  if (other.id === accused.id || !mine || !theirs || mine.by !== theirs.by) return false;
  const isNear = Math.abs(mine.at - theirs.at) <= ONE_CHANGE_MS;
  return isNear && other.workloads.some((each) => accused.workloads.includes(each));
}

/** `job nightly` is the hand of the actor `nightly`. */
function isHandOf(by: string | undefined, actor: string): boolean {
  return by === actor || by?.endsWith(` ${actor}`) === true;
}

/**
 * The actor that keeps writing a setting: the last hand, when it is a running actor and wrote before, or wrote over a
 * write of ours. Writing it back without stopping that hand is a fight.
 */
export function writerOf(
  setting: SettingView,
  { fleet, repairs }: Pick<Scene, 'fleet' | 'repairs'>,
): ActorView | undefined {
  const last = setting.history.at(-1);
  const actor = last && fleet.actors.find((each) => isHandOf(last.by, each.name));
  if (!last || !actor?.running) return undefined;
  const times = setting.history.filter((change) => change.by === last.by).length;
  const isOverOurs = repairs.some(
    (repair) =>
      last.at > repair.startedAt &&
      repair.wrote.some((each) => each.setting === setting.id && each.value !== setting.value),
  );
  return times > 1 || isOverOurs ? actor : undefined;
}

/** Somebody else wrote what the repair wrote while it ran: it proves nothing. */
export function wasDisturbed({ wrote, startedAt, endedAt }: PastRepair, fleet: FleetView): boolean {
  return wrote.some(({ setting }) =>
    settingOf(fleet, setting)?.history.some(
      ({ by, at }) => at > startedAt && at < (endedAt ?? Number.POSITIVE_INFINITY) && !by.startsWith('kintsugi'),
    ),
  );
}

/** Instances that are in a slot, of the named workloads; of all when none is named. */
export function occupantsOf(fleet: FleetView, workloads: readonly string[]): readonly InstanceView[] {
  return fleet.workloads
    .filter(({ name, external }) => !external && (workloads.length === 0 || workloads.includes(name)))
    .flatMap(({ instances }) => instances.filter(({ role }) => role === 'occupant'));
}

/** The instance that the trouble is in, if it is one: accused itself, or of its slot something was measured. */
export function subjectInstance({ subject, fleet }: Pick<Scene, 'subject' | 'fleet'>): InstanceView | undefined {
  if (subject.kind === 'asset') return occupantOf(fleet, subject.name);
  return subject.kind === 'instance' ? instanceOf(fleet, subject.name) : undefined;
}

/** `slot records/eu/0` for an instance, otherwise kind and name: what the repair holds. */
export function targetOf(subject: Subject, workload: string | null, fleet: FleetView): string {
  switch (subject.kind) {
    case 'instance': {
      const instance = instanceOf(fleet, subject.name);
      return instance ? `slot ${slotName(instance)}` : `workload ${workload ?? subject.name}`;
    }
    case 'version':
      return `workload ${subject.workload}`;
    default: {
      const instance = subjectInstance({ subject, fleet });
      return instance ? `slot ${slotName(instance)}` : `${subject.kind} ${subject.name}`;
    }
  }
}

function slotName({ workload, region, ordinal }: InstanceView): string {
  return `${workload}/${region}/${ordinal}`;
}
