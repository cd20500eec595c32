import { addedOf } from '../../../src/drivers/world.ts';
import type { FleetView, InstanceView, TenantView, WorkloadView } from '../../../src/diagnose/fleet-view.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { Actors } from './actors.ts';
import type { Assets } from './assets.ts';
import type { Mitigations } from './mitigations.ts';
import type { WorkloadState } from './platform.ts';
import type { Population } from './population.ts';
import type { Settings } from './settings.ts';

export interface PicturedWorld {
  readonly scenario: Scenario;
  readonly workloads: ReadonlyMap<string, WorkloadState>;
  readonly population: Population;
  readonly settings: Settings;
  readonly actors: Actors;
  readonly mitigations: Mitigations;
  assets(): Assets;
  now(): number;
  loadOf(workload: string): number;
}

/** The fleet as whoever heals it can see it: what is declared, what the keeper runs, what the probes last said. */
export function pictureOf(world: PicturedWorld): FleetView {
  const { scenario, population } = world;
  const usedOf = (asset: string) => {
    const used = world.assets().get(asset)?.used ?? 0;
    return used + [...world.actors.usesOf(asset).values()].reduce((sum, each) => sum + each, 0);
  };
  return {
    at: world.now(),
    workloads: [...world.workloads.values()].map((each) => workloadView(each, population)),
    tenants: Object.entries(scenario.fleet.tenants).map(([name, words]) => tenantView(name, words, world)),
    settings: world.settings.views(),
    assets: world.assets().views(),
    containments: world.mitigations.holding(),
    actors: world.actors.views(usedOf, (workload) => world.loadOf(workload)),
    room: Object.fromEntries(
      Object.keys(scenario.fleet.regions).map((region) => [region, Math.max(0, population.roomIn(region))]),
    ),
  };
}

function workloadView(state: WorkloadState, population: Population): WorkloadView {
  const { name, words, revision, targetVersion, phase, phaseSince, versions } = state;
  return {
    name,
    revision,
    targetVersion,
    phase,
    phaseSince,
    replacement: words.replacement,
    dependsOn: words.dependsOn.filter((callee) => !words.undeclared.includes(callee)),
    wanted: words.external ? words.instances : state.wanted,
    ...(words.external ? {} : { added: addedOf(state.declared()) }),
    instances: words.external ? externals(state, population) : occupants(state, population),
    versions: versions.map(({ version, artefactDigest, configDigest, createdAt, promotedAt, rejectedAt }) => ({
      version,
      artefactDigest,
      configDigest,
      createdAt,
      promotedAt,
      rejectedAt,
    })),
    routed: words.route !== undefined,
    keepsData: words.keepsData,
    external: words.external,
  };
}

function occupants(state: WorkloadState, population: Population): readonly InstanceView[] {
  return state.slots.flatMap((slot) => [
    ...(slot.instance === null ? [] : instanceView(slot.instance, 'occupant', population)),
    ...(slot.incoming === null ? [] : instanceView(slot.incoming, 'incoming', population)),
  ]);
}

function externals(state: WorkloadState, population: Population): readonly InstanceView[] {
  return population.of(state.name).flatMap((each) => instanceView(each.instance, 'occupant', population));
}

function instanceView(id: string, role: InstanceView['role'], population: Population): readonly InstanceView[] {
  const instance = population.get(id);
  if (!instance) return [];
  const { workload, version, region, ordinal, host, seenAt, startedAt } = instance;
  const running = population.isRunning(id);
  const ready = running && instance.toldReady;
  return [{ id, workload, version, region, ordinal, host, role, running, ready, seenAt, startedAt }];
}

function tenantView(
  name: string,
  words: Scenario['fleet']['tenants'][string],
  { mitigations }: PicturedWorld,
): TenantView {
  const { regions, profiles, dataClasses, perSecond } = words;
  const limits = words.limits ?? { requestsPerSecond: Math.max(10, perSecond * 10), concurrency: 64 };
  return {
    name,
    regions,
    profiles,
    processors: [],
    hasEmergencyAccess: false,
    dataClasses,
    limits,
    mitigations: mitigations.ofTenant(name),
  };
}
