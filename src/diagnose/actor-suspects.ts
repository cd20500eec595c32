import type { Suspect } from './diagnosis.ts';
import type { ActorView, FleetView } from './fleet-view.ts';

/** Below these, whoever uses something is one of many, or does what it always does. */
const SHARE_MIN = 0.25;
const TIMES_USUAL_MIN = 2;
/** From so many times its usual on, how unusual it is does not matter any more. */
const TIMES_USUAL_FULL = 4;

/**
 * Who uses far more than it usually does of one of these assets or workloads, or of what they stand on, best first. The
 * share of all use says how much of the trouble it can explain.
 */
export function actorSuspects(of: ReadonlySet<string>, fleet: FleetView): readonly Suspect[] {
  return fleet.actors
    .filter(({ running }) => running)
    .flatMap((actor) => suspicionOf(actor, of))
    .sort((a, b) => b.score - a.score || (a.subject.name < b.subject.name ? -1 : 1));
}

function suspicionOf({ name, uses }: ActorView, of: ReadonlySet<string>): readonly Suspect[] {
  const unusual = uses
    .filter((use) => of.has(use.of) && use.share >= SHARE_MIN && use.timesUsual >= TIMES_USUAL_MIN)
    .sort((a, b) => b.share - a.share)[0];
  if (!unusual) return [];
  const { share, timesUsual } = unusual;
  const score = Math.min(1, 0.4 + share) * Math.min(1, timesUsual / TIMES_USUAL_FULL);
  const why = `${name} uses ${Math.round(share * 100)} % of ${unusual.of}, ${timesUsual.toFixed(1)} times as much as usual`;
  return [{ cause: 'actor', subject: { kind: 'actor', name }, score, why }];
}

/** Assets that these workloads or instances stand on, and the workloads themselves: what an actor can use up for them. */
export function standsOn(
  workloads: ReadonlySet<string>,
  hosts: ReadonlySet<string>,
  fleet: FleetView,
): ReadonlySet<string> {
  const assets = fleet.assets.filter(
    (asset) =>
      asset.workloads.some((name) => workloads.has(name)) ||
      (asset.kind === 'host' && hosts.has(asset.host ?? asset.id.slice('host '.length))),
  );
  return new Set([...workloads, ...assets.map(({ id }) => id)]);
}
