/** Moves that write a setting: back to what was good, to another size, or to another way. */
import { type FleetView, meetsFloor, type SettingView, type TenantView } from '../../diagnose/fleet-view.ts';
import { valueForPeople } from '../../diagnose/setting-value.ts';
import type { MoveName } from '../../resources/playbook.ts';
import { goodValues, whyNotTo } from '../onset.ts';
import {
  type Draft,
  type DraftMove,
  factOf,
  keyOf,
  occupantsOf,
  type Scene,
  settingsOf,
  strayedTenant,
  subjectAsset,
  wasDisturbed,
  writerOf,
} from './scene.ts';
import { lostRegion } from './scaling.ts';
import { goBack, holdersOf, succeed } from './succession.ts';
import { touchSetting } from './touching.ts';

/** Of a version: to the one before. Of settings: each to its newest good value. */
export const revert: DraftMove = (scene, parameters) => {
  const back = goBack(scene, parameters);
  return back.length > 0 ? back : restoring('revert', () => true)(scene, parameters);
};

/** What is declared and absent. */
export const recreate: DraftMove = (scene, parameters) =>
  restoring('recreate', (setting) => setting.value === null)(scene, parameters);

/** What protects and is off. */
export const reenable: DraftMove = (scene, parameters) =>
  restoring('reenable', (setting) => setting.kind === 'protection' || setting.kind === 'policy')(scene, parameters);

function restoring(move: MoveName, fits: (setting: SettingView) => boolean): DraftMove {
  return (scene) =>
    settingsOf(scene)
      .filter(fits)
      .flatMap((setting) => {
        const good = goodValue(setting, scene);
        if (good === undefined || whyNotTo(setting, good) !== undefined || !isLawful(setting, good)) return [];
        return write(scene, move, setting, good);
      });
}

/**
 * What a setting goes back to: the newest value that had soaked before the trouble began, and otherwise what people
 * declared. Never what the same restless hand wrote, and never what was tried in vain.
 */
function goodValue(setting: SettingView, scene: Scene): string | null | undefined {
  const isAccused = scene.subject.kind === 'setting' || scene.subject.kind === 'actor';
  if (!isAccused && isProven(setting, scene.onset)) return undefined;
  const hand = writerOf(setting, scene) ? setting.history.at(-1)?.by : undefined;
  const vain = new Set(
    scene.repairs
      .filter((repair) => repair.outcome === 'unwound' && !wasDisturbed(repair, scene.fleet))
      .flatMap((repair) => repair.wrote.filter((each) => each.setting === setting.id).map((each) => each.value)),
  );
  const soaked = goodValues(setting, scene.onset).filter((change) => change.by !== hand && !vain.has(change.value));
  if (soaked[0]) return soaked[0].value;
  const { declared } = setting;
  return declared === undefined || declared === setting.value || vain.has(declared) ? undefined : declared;
}

/** What has long served is not put back only because it has to do with what is sick; unless it is not what was declared. */
function isProven(setting: SettingView, onset: number): boolean {
  const last = setting.history.at(-1);
  const isDrifted = setting.declared !== undefined && setting.declared !== setting.value;
  return !isDrifted && last?.soakedAt != null && last.soakedAt <= onset;
}

/** One write, and the restarts without which nobody would see it. */
function write(scene: Scene, move: MoveName, setting: SettingView, value: string | null): readonly Draft[] {
  const { id, revision, needsRestart } = setting;
  const strayed = strayedTenant(scene);
  const isHome = strayed !== undefined && setting.tenant === strayed.name;
  const isFloor = setting.floor !== undefined && scene.cause === 'compliance';
  // Where a tenant is led is where it will be served: the gate judges that.
  const touch = touchSetting(scene.fleet, setting);
  const draft: Draft = {
    move,
    input: {
      setting: id,
      value,
      expectedRevision: revision,
      oldValue: setting.value,
      key: keyOf(scene, id),
      // What was before leads to where the tenant may not be, or is less than the law asks for: never written again.
      ...(isHome || isFloor ? { stays: true } : {}),
    },
    touch: isHome && value !== null ? { ...touch, regions: value.split(' ') } : touch,
    effect: becoming(setting, value, ''),
    undo:
      isHome || isFloor
        ? 'what was before is not permitted, and is not written again'
        : becoming(setting, setting.value, ' again'),
  };
  const since = setting.history.at(-1)?.at ?? 0;
  const holders = needsRestart ? holdersOf(scene, setting.workloads, since) : [];
  return [draft, ...holders.flatMap((instance) => succeed(scene, instance, { rereads: id }))];
}

function becoming(setting: SettingView, value: string | null, again: string): string {
  if (value === null) return `${setting.id} is removed${again}`;
  const isPresent = value === setting.value;
  return `${setting.id} becomes ${valueForPeople(setting, value, isPresent ? 'what it is now' : 'an earlier value')}${again}`;
}

/** Nobody knows of a law about most settings. */
function isLawful({ floor }: SettingView, value: string | null): boolean {
  return floor === undefined || meetsFloor(floor, value);
}

/** What the law asks for, no more and no less, where a number is beyond it: more than that is for people to want. */
function toFloor(scene: Scene, setting: SettingView): readonly Draft[] {
  const { floor, value } = setting;
  return floor === undefined || meetsFloor(floor, value) ? [] : write(scene, 'resize', setting, `${floor.lawful}`);
}

/** A limit that is too small: the same number times a factor, never more than a few times what was declared or soaked. */
export const resize: DraftMove = (scene, parameters) => {
  const factor = Number(parameters['factor'] ?? 2);
  const timesMax = Number(parameters['timesMax'] ?? 4);
  if (scene.cause === 'compliance') return settingsOf(scene).flatMap((setting) => toFloor(scene, setting));
  return limitsOf(scene).flatMap((setting) => {
    const now = numberOf(setting.value);
    if (!now) return [];
    const before = [setting.declared ?? null, ...goodValues(setting, scene.onset).map((each) => each.value)];
    const base = Math.max(...before.map((each) => numberOf(each)?.number ?? 0)) || firstOf(setting);
    const number = Math.min(Math.ceil(now.number * factor), base * timesMax);
    return number > now.number ? write(scene, 'resize', setting, `${number}${now.unit}`) : [];
  });
};

/** The first value that is remembered: what our own enlargements are measured by. */
function firstOf(setting: SettingView): number {
  return numberOf(setting.history[0]?.value ?? setting.value)?.number ?? 0;
}

/** Limits of what is exhausted: those of the asset, or those of the workload that the trouble is in. */
function limitsOf(scene: Scene): readonly SettingView[] {
  const own = settingsOf(scene).filter(isLimit);
  if (own.length > 0 || subjectAsset(scene)) return own;
  const named = factOf(scene, 'setting');
  const governing = scene.fleet.settings.filter(
    (each) => isLimit(each) && scene.workload !== null && each.workloads.includes(scene.workload),
  );
  const memory = governing.filter((each) => each.id === named || /mem/i.test(each.id));
  return scene.cause === 'resource' ? memory : [];
}

function isLimit({ kind }: SettingView): boolean {
  return kind === 'limit' || kind === 'quota';
}

function numberOf(value: string | null): { readonly number: number; readonly unit: string } | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value ?? '');
  return match ? { number: Number(match[1]), unit: match[2] ?? '' } : undefined;
}

/** Another way: each route that leads to what failed goes, tenant by tenant, where the tenant may be served as well. */
export const reroute: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  const lost = lostRegion(scene);
  const named = asset?.detail['alternatives'];
  const strayed = strayedTenant(scene);
  const routes = scene.fleet.settings.filter(({ kind }) => kind === 'route' || kind === 'resolver');
  return routes.flatMap((route) => {
    if (lost !== undefined && route.value === lost) {
      const region = lawfulRegion(scene, route, lost);
      return region === undefined ? [] : write(scene, 'reroute', route, region).map((draft) => placedIn(draft, region));
    }
    if (strayed) {
      const region = route.tenant === strayed.name ? servingRegion(scene, route, strayed) : undefined;
      return region === undefined || region === route.value ? [] : write(scene, 'reroute', route, region);
    }
    const isOwn = asset?.settings.includes(route.id) === true;
    const other = Array.isArray(named)
      ? named.find((each) => typeof each === 'string' && each !== route.value)
      : undefined;
    return isOwn && typeof other === 'string' ? write(scene, 'reroute', route, other) : [];
  });
};

/** Where the tenants of a route may be served too, and something serves. Split by tenant: the others are held. */
function lawfulRegion({ fleet }: Scene, route: SettingView, lost: string): string | undefined {
  const tenants = fleet.tenants.filter((each) =>
    route.tenant === null ? each.regions.includes(lost) : each.name === route.tenant,
  );
  const serving = regionsServing(fleet, route);
  const [first, ...others] = tenants;
  return first?.regions.find(
    (region) => region !== lost && serving.has(region) && others.every((each) => each.regions.includes(region)),
  );
}

/** The first region that a tenant permits and in which something serves. */
function servingRegion({ fleet }: Scene, route: SettingView, { regions }: TenantView): string | undefined {
  const serving = regionsServing(fleet, route);
  return regions.find((region) => serving.has(region));
}

function regionsServing(fleet: FleetView, { workloads }: SettingView): ReadonlySet<string> {
  const ready = occupantsOf(fleet, workloads).filter((each) => each.ready);
  return new Set(ready.map(({ region }) => region));
}

function placedIn(draft: Draft, region: string): Draft {
  return { ...draft, touch: { ...draft.touch, regions: [region] } };
}
