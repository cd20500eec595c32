import type { ConditionName } from '../observe/condition.ts';
import { type Condition, conditionsIn } from './condition-effects.ts';
import { assetOf, type FleetView, instanceOf } from './fleet-view.ts';
import type { Scene } from './scene.ts';
import { textsOf } from './trouble.ts';

/** Conditions that are a matter of what time it is for whoever checks. */
const OF_TIME: readonly ConditionName[] = ['expired', 'not-yet-valid', 'rejected', 'expiring'];
/** A clock that is off by less explains no expiry. */
const SKEW_MIN_MS = 5_000;

/** What a clock that is off makes look bad: whatever is checked on its machine and is a matter of time. */
export function judgedBy(clock: Condition, scene: Scene): readonly Condition[] {
  const host = hostOf(clock, scene.fleet);
  if (host === undefined) return [];
  return conditionsIn(scene).filter((each) => OF_TIME.includes(each.name) && isCheckedOnlyOn(host, each, scene));
}

/** The clock that makes this look bad, when it is measured that those who check it are off. */
export function clockBehind(condition: Condition, scene: Scene): string | undefined {
  if (!OF_TIME.includes(condition.name) || condition.name === 'rejected') return undefined;
  const { evidence } = condition.claim;
  const skews = [evidence['skewMs']].flat().filter((each): each is number => typeof each === 'number');
  if (skews.length === 0 || !skews.every((each) => Math.abs(each) >= SKEW_MIN_MS)) return undefined;
  const hosts = checkersOf(condition, scene);
  return scene.fleet.assets.find((each) => each.kind === 'clock' && hosts.includes(hostName(each.id, each.host)))?.id;
}

function isCheckedOnlyOn(host: string, condition: Condition, scene: Scene): boolean {
  const hosts = checkersOf(condition, scene);
  return hosts.length === 0 ? condition.name !== 'rejected' : hosts.every((each) => each === host);
}

/** Machines whose clocks it was checked by. */
function checkersOf({ claim }: Condition, { fleet }: Scene): readonly string[] {
  const told = textsOf(claim.evidence['hosts']);
  if (told.length > 0) return told;
  const instances = textsOf(claim.evidence['instances']).flatMap((id) => instanceOf(fleet, id)?.host ?? []);
  const own = assetOf(fleet, claim.subject.name)?.host;
  return [...new Set(own ? [own] : instances)];
}

function hostOf({ claim }: Condition, fleet: FleetView): string | undefined {
  const told = claim.evidence['host'];
  if (typeof told === 'string') return told;
  return hostName(claim.subject.name, assetOf(fleet, claim.subject.name)?.host ?? null);
}

/** `clock eu-2` is the clock of `eu-2`. */
function hostName(id: string, host: string | null): string {
  return host ?? id.slice(id.indexOf(' ') + 1);
}
