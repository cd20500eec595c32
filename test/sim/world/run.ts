import { fromIso } from '../../../src/base/clock.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { Baseline } from '../baseline.ts';
import { ControlPlane } from '../control-plane.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { Trial, TrialIncident, TrialOptions, TrialRefusal, TrialRepair } from './trial.ts';
import { World } from './world.ts';

/**
 * Runs a scenario from its start to its end in virtual time, with the given healer in it, and tells what happened. Equal
 * scenario, seed and options give an equal trial. Rejects only when the simulation itself is at fault.
 */
export async function runTrial(scenario: Scenario, options: TrialOptions): Promise<Trial> {
  const { seed, healer } = options;
  const clock = new VirtualClock();
  const world = new World(scenario, clock, seed, options.keepFelt ?? true);
  const kintsugi = healer === 'kintsugi' ? new ControlPlane(world, seed, options.withoutGuards ?? []) : undefined;
  const baseline = kintsugi ? undefined : new Baseline(world, healer === 'baseline');
  const endsAt = world.startAt + scenario.runs;
  while (clock.now() < endsAt) {
    const next = Math.min(endsAt, world.nextAt());
    kintsugi?.beat(next - clock.now());
    await clock.advance(next - clock.now());
    kintsugi?.beat(0);
    world.step();
    kintsugi?.turn();
    baseline?.turn();
  }
  await clock.advance(0);
  kintsugi?.end();
  baseline?.end();
  return trialOf(world, options, kintsugi, baseline);
}

function trialOf(
  world: World,
  options: TrialOptions,
  kintsugi: ControlPlane | undefined,
  baseline: Baseline | undefined,
): Trial {
  const { scenario, invariants, acts, pages, felt, settings, actors, conditions, dataLostMs } = world;
  const at = (time: number) => time - world.startAt;
  return {
    scenario: scenario.scenario,
    seed: options.seed,
    healer: options.healer,
    lengthMs: scenario.runs,
    felt: felt.byTenant(),
    incidents: kintsugi ? incidentsOf(kintsugi, at) : naiveIncidents(baseline),
    repairs: kintsugi ? repairsOf(kintsugi, at) : [],
    acts: acts.acts,
    refusals: kintsugi ? refusalsOf(kintsugi, at) : [],
    pages,
    violations: invariants.violations,
    fenced: world.fenced,
    faults: kintsugi?.faults ?? [],
    ended: {
      settings: settings.values(),
      conditions: world.assets().standing(),
      actors: actors.running(),
      dataLostMs,
    },
    conditions,
    writes: settings.writes.map((each) => ({ ...each, at: at(each.at) })),
  };
}

type At = (time: number) => number;

function incidentsOf({ memory, diagnoses }: ControlPlane, at: At): readonly TrialIncident[] {
  return memory.incidents.map((each) => {
    const { cause, subject, summary } = each.body.diagnosis;
    const openedAt = at(fromIso(each.openedAt));
    const first = { at: openedAt, cause, subject: `${subject.kind} ${subject.name}`, summary };
    const all = diagnoses.get(each.id) ?? [first];
    const last = all.at(-1)!;
    return {
      id: each.id,
      cause: last.cause,
      subject: last.subject,
      summary: last.summary,
      openedAt,
      closedAt: each.closedAt === null ? null : at(fromIso(each.closedAt)),
      outcome: each.outcome,
      belongsTo: each.body.belongsTo,
      diagnoses: all,
    };
  });
}

function naiveIncidents(baseline: Baseline | undefined): readonly TrialIncident[] {
  return (baseline?.incidents ?? []).map(({ id, cause, subject, at }) => ({
    id,
    cause,
    subject,
    summary: 'it looks unhealthy',
    openedAt: at,
    closedAt: null,
    outcome: null,
    diagnoses: [{ at, cause, subject }],
  }));
}

function repairsOf({ memory }: ControlPlane, at: At): readonly TrialRepair[] {
  return memory.repairs.map(({ id, plan, startedAt, endedAt, outcome, journal }) => ({
    id,
    incident: plan.incident,
    target: plan.target,
    cause: plan.cause,
    playbook: plan.playbook,
    openedAt: at(startedAt),
    endedAt: endedAt === null ? null : at(endedAt),
    outcome,
    reason: String(journal.findLast((each) => each.event === 'ended')?.data['reason'] ?? ''),
    needsApproval: plan.needsApproval,
  }));
}

/** What was refused for an incident, and what was denied before a step of a repair. */
function refusalsOf({ memory }: ControlPlane, at: At): readonly TrialRefusal[] {
  const ofRepair = new Map(memory.repairs.map((each) => [each.id, each.plan.incident]));
  // A plan that a guard denied and that became a call for a person says so in its verdicts.
  const turned = memory.repairs.flatMap(({ plan, startedAt }) =>
    plan.verdicts
      .filter(({ kind }) => kind === 'deny')
      .map(({ guard, reason }) => ({ at: at(startedAt), incident: plan.incident, guard, reason })),
  );
  const refused = memory.recorded.flatMap(({ at: time, type, subject, data }) => {
    if (type === 'repair.refused') {
      const guards = (data['guards'] ?? []) as unknown as readonly { guard: string; reason: string }[];
      return guards.map(({ guard, reason }) => ({ at: at(time), incident: subject, guard, reason }));
    }
    if (type !== 'repair.denied') return [];
    const incident = ofRepair.get(subject) ?? '';
    return [{ at: at(time), incident, guard: String(data['guard']), reason: String(data['reason']) }];
  });
  return [...refused, ...turned].sort((a, b) => a.at - b.at);
}
