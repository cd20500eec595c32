import type { Noise } from './world/noise.ts';

export interface Size {
  readonly instances: number;
  readonly tenants: number;
}

type Words = Record<string, unknown>;

/** A workload of a random fleet, with what faults can take hold of. */
export interface Part {
  readonly name: string;
  readonly isRouted: boolean;
  readonly slots: readonly string[];
  readonly regions: readonly string[];
}

export interface RandomFleet {
  readonly fleet: Words;
  readonly profiles: Words;
  readonly effects: readonly Words[];
  readonly parts: readonly Part[];
  readonly tenants: readonly string[];
  readonly hosts: readonly string[];
}

const REGIONS = ['eu', 'us'] as const;
/** A workload has about this many instances. */
const PART_INSTANCES = 8;
/** How much more a fleet can do than it usually has to. */
const HEADROOM = 2.5;

/** A fleet of a given size as scenario words: layers of workloads, tenants under laws, and the things that they stand on. */
export function randomFleet(size: Size, noise: Noise): RandomFleet {
  const parts = partsOf(size, noise);
  const hosts = REGIONS.flatMap((region) => [1, 2, 3, 4].map((i) => `${region}-${i}`));
  const tenants = tenantsOf(size, parts, noise);
  const workloads = workloadsOf(parts, tenants);
  const standing = thingsOf(parts);
  const room = Math.max(6, Math.ceil(size.instances / 5));
  return {
    fleet: {
      regions: Object.fromEntries(REGIONS.map((region) => [region, { hosts: 4, room }])),
      gateways: 2,
      replicas: 2,
      workloads,
      tenants,
      settings: standing.settings,
      assets: standing.assets,
      actors: standing.actors,
    },
    profiles: { gdpr: {}, careful: { residency: 'advisory', needsApproval: ['rollback', 'failover'] } },
    effects: standing.effects,
    parts,
    tenants: Object.keys(tenants),
    hosts,
  };
}

function partsOf({ instances }: Size, noise: Noise): readonly Part[] {
  const count = Math.max(3, Math.round(instances / PART_INSTANCES));
  const routed = Math.max(1, Math.ceil(count * 0.6));
  let left = instances;
  return Array.from({ length: count }, (_, i) => {
    const share = Math.max(2, Math.round(left / (count - i)));
    left -= share;
    const isRouted = i < routed;
    const name = isRouted ? `api-${i + 1}` : `core-${i + 1 - routed}`;
    const isWide = share >= 4 && (isRouted ? noise.chance(0.7) : true);
    const regions = isWide ? REGIONS : REGIONS.slice(0, 1);
    const slots = regions.flatMap((region) =>
      Array.from({ length: Math.ceil(share / regions.length) }, (__, ordinal) => `${name}/${region}/${ordinal}`),
    );
    return { name, isRouted, slots, regions };
  });
}

interface TenantPlan {
  readonly regions: readonly string[];
  readonly profiles: readonly string[];
  readonly perSecond: number;
  readonly uses: readonly string[];
}

function tenantsOf({ tenants }: Size, parts: readonly Part[], noise: Noise): Readonly<Record<string, TenantPlan>> {
  const routed = parts.filter((each) => each.isRouted);
  const wide = routed.filter((each) => each.regions.length > 1);
  const plans = Array.from({ length: tenants }, (_, i): [string, TenantPlan] => {
    const isAmerican = wide.length > 0 && noise.chance(0.3);
    const isStrict = noise.chance(0.4);
    const regions = isAmerican
      ? ['us', ...(isStrict ? [] : ['eu'])]
      : ['eu', ...(isStrict || !noise.chance(0.5) ? [] : ['us'])];
    const profiles = isStrict ? ['gdpr'] : noise.chance(0.1) ? ['careful'] : [];
    const open = isAmerican ? wide : routed;
    const uses = [...new Set([noise.pick(open)!.name, noise.pick(open)!.name])];
    return [`tenant-${i + 1}`, { regions, profiles, perSecond: 5 + Math.round(25 * noise.uniform()), uses }];
  });
  return Object.fromEntries(plans);
}

function workloadsOf(parts: readonly Part[], tenants: Readonly<Record<string, TenantPlan>>): Words {
  const cores = parts.filter((each) => !each.isRouted);
  const load = new Map<string, number>();
  const words: Words = {};
  const dependsOn = (part: Part, i: number) =>
    part.isRouted && cores.length > 0 ? [cores[i % cores.length]!.name] : [];
  for (const { perSecond, uses } of Object.values(tenants)) {
    for (const name of uses) {
      load.set(name, (load.get(name) ?? 0) + perSecond);
      const i = parts.findIndex((each) => each.name === name);
      for (const core of dependsOn(parts[i]!, i)) load.set(core, (load.get(core) ?? 0) + perSecond);
    }
  }
  for (const [i, part] of parts.entries()) {
    const perRegion = part.slots.length / part.regions.length;
    words[part.name] = {
      instances: Object.fromEntries(part.regions.map((region) => [region, perRegion])),
      ...(part.isRouted ? { route: `/${part.name}` } : {}),
      dependsOn: dependsOn(part, i),
      capacity: Math.max(20, Math.ceil((HEADROOM * (load.get(part.name) ?? 0)) / perRegion)),
      latency: '15ms',
      replacement: part.isRouted || i % 4 > 0 ? 'parallel' : 'in-place',
      keepsData: !part.isRouted,
      versions: [
        { version: 1, age: '60d', artefact: 'one' },
        { version: 2, age: '30d', artefact: 'two' },
      ],
    };
  }
  return words;
}

/** Settings, assets and actors of each workload, and what follows when they go wrong. */
function thingsOf(parts: readonly Part[]) {
  const settings: Words = {};
  const assets: Words = {};
  const actors: Words = {};
  const effects: Words[] = [];
  for (const { name } of parts) {
    const workloads = [name];
    settings[`${name}/flag`] = { kind: 'flag', value: 'off', workloads };
    settings[`${name}/backend`] = { kind: 'route', value: 'right', declared: 'right', workloads };
    settings[`${name}/key`] = { value: 'there', workloads, needsRestart: true };
    settings[`${name}/timeout`] = { kind: 'retry', value: '2s', workloads };
    settings[`${name}/retries`] = { kind: 'retry', value: '0', workloads };
    settings[`${name}/pool-limit`] = { kind: 'limit', value: '100', workloads };
    assets[`certificate ${name}`] = { kind: 'certificate', workloads, validFrom: '-30d', validFor: '400d' };
    assets[`credential ${name}`] = { kind: 'credential', workloads, holds: 'v1' };
    assets[`pool ${name}`] = { kind: 'pool', workloads, settings: [`${name}/pool-limit`], used: 30 };
    assets[`queue ${name}`] = { kind: 'queue', workloads, share: 0.2, perSecond: 5 };
    assets[`privilege ${name}`] = { kind: 'privilege', workloads };
    assets[`store ${name}`] = { kind: 'store', workloads };
    assets[`hook ${name}`] = { kind: 'hook', workloads };
    actors[`job-${name}`] = {
      running: false,
      uses: { [`pool ${name}`]: 120 },
      usually: { [`pool ${name}`]: 5 },
    };
    actors[`sync-${name}`] = {
      kind: 'controller',
      running: false,
      writes: [{ setting: `${name}/flag`, value: 'on', every: '45s' }],
    };
    effects.push(
      { when: { setting: `${name}/flag`, is: 'on' }, workload: name, errors: 0.3 },
      { when: { setting: `${name}/backend`, isNot: 'right' }, workload: name, errors: 0.9, class: 'refused' },
      {
        when: { setting: `${name}/key`, is: null },
        workload: name,
        crash: true,
        after: '3s',
        exit: 'Error: KEY is not set',
      },
      { workload: name, version: 3, errors: 0.4 },
      { workload: name, version: 4, latency: '900ms', capacityTimes: 0.3 },
      { workload: name, version: 5, crash: true, after: '8s', exit: 'TypeError: undefined is not a function' },
    );
  }
  return { settings, assets, actors, effects };
}
