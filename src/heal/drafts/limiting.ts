/** Moves that keep something out for a while: a kind of request, a tenant, a share of everybody, an actor. */
import type { JsonObject } from '../../base/json.ts';
import type { ActorView, LimitView, TenantView } from '../../diagnose/fleet-view.ts';
import type { Cause } from '../../resources/playbook.ts';
import type { Mitigation } from '../fleet.ts';
import { NOTHING_TOUCHED } from '../plan.ts';
import { ALL, containingScopes, firstNeeding, REFUSED_MINUTES, type Scope } from './limit-scope.ts';
import {
  type Draft,
  type DraftMove,
  factOf,
  keyOf,
  type Scene,
  settingsOf,
  subjectActor,
  subjectWorkload,
  writerOf,
} from './scene.ts';
import { touchRegions, touchTenants } from './touching.ts';

type Kind = Mitigation['kind'];

/** `widen` takes the next wider scope: from one kind of request to its route, from a route to the tenant. */
export const limiting =
  (kind: Kind): DraftMove =>
  (scene, parameters) => {
    const scopes = containingScopes(scene, kind) ?? [scopeOf(scene, kind, parameters['widen'] === true)];
    return scopes.flatMap((scope) => (scope ? limit(scene, kind, scope, parameters) : []));
  };

function limit(scene: Scene, kind: Kind, scope: Scope, parameters: JsonObject): readonly Draft[] {
  const tenant = scene.fleet.tenants.find((each) => each.name === scope.tenant);
  const isWhole = scope.route === null && scope.fingerprint === null && scope.actor === null;
  const minutes = scope.store ? REFUSED_MINUTES : Number(parameters['minutes'] ?? MINUTES[kind]);
  const stands = isWhole && tenant?.mitigations.some((each) => each.kind === kind && isAsWide(each, scope));
  if (stands && !isRunningOut(scene, kind, tenant?.name ?? '', minutes)) return [];
  if (parameters['collapsed'] === true && !hasCollapsed(scene)) return [];
  const rampMinutes = Math.round(minutes * RAMP_SHARE[kind] * 100) / 100;
  const rates = ratesOf(scene, tenant, parameters);
  const { touch, who, ...narrowed } = scope;
  const share = Number(parameters['share'] ?? excessOf(scene));
  const isLeak = scene.cause === 'isolation' && kind === 'quarantine';
  const draft: Draft = {
    move: kind,
    input: {
      id: keyOf(scene, [kind, scope.tenant, scope.store].filter((each) => each != null).join('-')),
      kind,
      ...narrowed,
      ...rates,
      ...(kind === 'shed' ? { share } : {}),
      ...(HOLDING.has(scene.cause) ? { incident: scene.incident } : {}),
      // One tenant sees what is another's: no failing on our side lets that go on.
      ...(isLeak ? { untilLifted: true } : {}),
      minutes,
      rampMinutes,
    },
    touch,
    undo: 'the limit is lifted',
    effect: isLeak
      ? `${who} refused until nothing is measured to leak any more`
      : scope.store
        ? `${who} are refused for ${minutes / 60} h`
        : effectOf(kind, who, { requestsPerSecond: rates.requestsPerSecond, share, minutes }),
  };
  return [draft];
}

/** A limit on less than the scope does not stand in its place. */
function isAsWide(limit: LimitView, scope: Scope): boolean {
  const names = ['workload', 'route', 'fingerprint', 'actor', 'store'] as const;
  return names.every((name) => (limit[name] ?? null) === null || limit[name] === scope[name]);
}

/** What holds until it is measured that nothing is wrong any more: containment comes before availability. */
const HOLDING: ReadonlySet<Cause> = new Set(['isolation', 'compliance']);

/** What has to go for the rest to be about one and a half times the usual; nearly all of it where nothing is answered. */
function excessOf(scene: Scene): number {
  if (hasCollapsed(scene)) return 0.9;
  const load = Number(factOf(scene, 'load') ?? 2);
  return Math.round(Math.min(0.9, Math.max(0.3, 1 - 1.5 / load)) * 100) / 100;
}

/** How long a limit stands when nobody says. */
const MINUTES: Readonly<Record<Kind, number>> = { throttle: 20, quarantine: 30, shed: 5 };

/** Share of that over which it lets more and more through. What was shed is a queue that is gone within seconds. */
const RAMP_SHARE: Readonly<Record<Kind, number>> = { throttle: 0.3, quarantine: 0.3, shed: 0.6 };

/** The limit that stands lets more and more through by now: who has not changed is limited anew. */
function isRunningOut({ repairs, fleet }: Scene, kind: Kind, tenant: string, minutes: number): boolean {
  const latest = repairs.find(({ tenants, moves }) => tenants.includes(tenant) && moves.includes(kind));
  return latest !== undefined && fleet.at - latest.startedAt > 0.6 * minutes * 60_000;
}

/** Next to nothing is answered in time any more: such an overload feeds itself and outlives what began it. */
function hasCollapsed(scene: Scene): boolean {
  const [median, usual] = [factOf(scene, 'medianMs'), factOf(scene, 'usualMedianMs')];
  return typeof median === 'number' && typeof usual === 'number' && median >= COLLAPSE_TIMES * Math.max(1, usual);
}

const COLLAPSE_TIMES = 10;

function effectOf(kind: Kind, who: string, to: { requestsPerSecond: number; share: number; minutes: number }): string {
  const span = `for ${to.minutes} min, and let back little by little`;
  if (kind === 'throttle') return `${who} held to ${to.requestsPerSecond} requests/s ${span}`;
  return kind === 'shed' ? `${Math.round(to.share * 100)} % of ${who} refused ${span}` : `${who} refused ${span}`;
}

/** A little more than what is usual for whoever it is. */
function ratesOf(scene: Scene, tenant: TenantView | undefined, parameters: JsonObject) {
  const entitled = tenant?.limits ?? { requestsPerSecond: 100, concurrency: 64 };
  const usual = Number(factOf(scene, 'usualPerSecond') ?? entitled.requestsPerSecond / 4);
  return {
    requestsPerSecond: Math.max(1, Math.round(usual * Number(parameters['timesUsual'] ?? 1.5))),
    concurrency: Math.max(2, Math.ceil(entitled.concurrency / 8)),
  };
}

function scopeOf(scene: Scene, kind: Kind, widen: boolean): Scope | undefined {
  const { subject, fleet } = scene;
  const tenantNamed = (name: string) => fleet.tenants.filter((each) => each.name === name);
  switch (subject.kind) {
    case 'tenant': {
      const touch = touchTenants(tenantNamed(subject.name));
      return touch.tenants.length === 0 ? undefined : { ...ALL, tenant: subject.name, touch, who: subject.name };
    }
    case 'requests': {
      const { tenant, route, workload } = subject;
      const fingerprint = widen ? null : subject.fingerprint;
      if (widen && subject.fingerprint === null) return undefined;
      const touch = touchTenants(tenantNamed(tenant));
      const what =
        fingerprint === null ? `requests of ${tenant} to ${route ?? workload}` : `one kind of request of ${tenant}`;
      return { ...ALL, tenant, workload, route, fingerprint, touch, who: what };
    }
    case 'route': {
      // What fails alone is not mended by being refused: only what slows the others down is held back.
      if (kind !== 'shed' || factOf(scene, 'drags') !== true) return undefined;
      const whole = wholeWorkload(scene);
      return whole && { ...whole, route: subject.route, who: `requests to ${subject.route} of ${whole.workload}` };
    }
    case 'actor':
    case 'asset': {
      const actor = subjectActor(scene) ?? heaviestUser(scene);
      if (actor && kind !== 'shed') {
        return { ...ALL, actor: actor.name, touch: { ...NOTHING_TOUCHED, actors: [actor.name] }, who: actor.name };
      }
      return scene.cause === 'isolation' || kind === 'shed' ? wholeWorkload(scene) : undefined;
    }
    default:
      return kind === 'shed' || scene.cause === 'isolation' ? wholeWorkload(scene) : undefined;
  }
}

function wholeWorkload(scene: Scene): Scope | undefined {
  const workload = subjectWorkload(scene) ?? firstNeeding(scene);
  if (!workload) return undefined;
  const regions = [...new Set(workload.instances.map((each) => each.region))];
  const touch = touchRegions(scene.fleet, regions);
  return { ...ALL, workload: workload.name, touch, who: `requests to ${workload.name}` };
}

/** Stops whoever does the damage: the accused actor, the hand that keeps writing, or the heaviest unusual user. */
export const suspend: DraftMove = (scene) => {
  const own = subjectActor(scene);
  const writers = settingsOf(scene).flatMap((setting) => writerOf(setting, scene) ?? []);
  const found = own ? [own] : writers.length > 0 ? writers : [heaviestUser(scene)].filter((each) => each !== undefined);
  const actors = [...new Set(found)].filter((each) => each.running && each.suspendable);
  return actors.map(
    (actor): Draft => ({
      move: 'suspend',
      input: { actor: actor.name, key: keyOf(scene, actor.name) },
      touch: { ...NOTHING_TOUCHED, actors: [actor.name] },
      effect: `${actor.kind} ${actor.name} stands still`,
      undo: `${actor.name} goes on`,
    }),
  );
};

/** Who uses an unusual share of the asset or workload in question. */
function heaviestUser(scene: Scene): ActorView | undefined {
  const of = scene.subject.kind === 'asset' || scene.subject.kind === 'workload' ? scene.subject.name : scene.workload;
  const users = scene.fleet.actors.flatMap((actor) =>
    actor.uses
      .filter((use) => actor.running && use.of === of && use.share >= SHARE_MIN && use.timesUsual >= TIMES_USUAL_MIN)
      .map((use) => ({ actor, share: use.share })),
  );
  return users.toSorted((a, b) => b.share - a.share)[0]?.actor;
}

/** Below these, whoever uses something is one of many, or does what it always does. */
const SHARE_MIN = 0.25;
const TIMES_USUAL_MIN = 1.5;
