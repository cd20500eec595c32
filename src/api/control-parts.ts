import { PERIOD_MS } from '../detect/burn-rate/burn-rate.ts';
import type { DetectionTerms } from '../detect/detection-terms.ts';
import type { RunningDetector } from '../detect/detector.ts';
import type { CollectorSituation } from '../drivers/collector-places.ts';
import { Converger } from '../drivers/converge.ts';
import { createFleet } from '../drivers/fleet.ts';
import type { Fleet } from '../heal/fleet.ts';
import type { PartsSituation } from '../drivers/parts.ts';
import type { World } from '../drivers/world.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { createPostgresqlMemory } from '../heal/postgresql-memory.ts';
import { signersOf } from '../evidence/signed-statement.ts';
import type { HealerOptions } from '../healer.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { DEFAULT_BREACH } from '../resources/policy.ts';
import { rulesOf } from '../resources/profile.ts';
import type { BreachWorld } from './breach-watch.ts';
import { drillMarks } from './drill-marks.ts';
import { DutyWatch } from './duty-watch.ts';
import { reasonToHold } from './hold.ts';
import { OwnLevels } from './own-levels.ts';
import { PartWatch } from './part-watch.ts';
import { policyOf, surroundingsOf } from './policy.ts';
import { RecordShelf } from './record-shelf.ts';
import { registerNow } from './register-view.ts';
import type { Control } from './control.ts';
import type { ControlOptions } from './control-options.ts';

/** What clients felt is summed over so long. */
const FELT_MS = 5_000;

export function partsSituation(control: Control): PartsSituation {
  const { options, picture, lease, record } = control;
  const { driver, database, state, clock, log } = options;
  const { world, secrets } = picture;
  const isTroubled = (tenant: string) => control.tracker.open.some(({ body }) => concerns(body.diagnosis, tenant));
  const publishRouting = () => picture.publishAgain();
  const demanded: PartsSituation['demanded'] = (tenant, fact) => control.compliance.demanded(tenant, fact);
  return { world, secrets, driver, database, lease, record, state, clock, log, isTroubled, demanded, publishRouting };
}

export function collectorSituation({ options, picture, compliance }: Control): CollectorSituation {
  const { state, clock, random } = options;
  const { world, secrets, canary } = picture;
  const demanded: CollectorSituation['demanded'] = (tenant, fact) => compliance.demanded(tenant, fact);
  return { world, secrets, canary, demanded, state, clock, random };
}

export function recordShelfOf({ options, world, lease, record }: Control): RecordShelf {
  const { database, clock } = options;
  return new RecordShelf({
    database,
    lease,
    record,
    clock,
    signers: () => signersOf(world.declared.policy?.spec.signers ?? []),
    tenants: () => world.declared.tenants.map(({ metadata: { name }, spec }) => ({ name, ...spec })),
  });
}

export function dutyWatchOf(control: Control): DutyWatch {
  const { options, world, lease, duties, breaches, compliance } = control;
  return new DutyWatch({
    ...options,
    desk: duties,
    breaches,
    posture: compliance.posture,
    world: {
      isLeading: () => lease.current() !== undefined,
      fleet: () => world.view(),
      rules: () => world.declared.profiles.map(rulesOf),
      async makeRegister() {
        const { register, proof } = await registerNow(control);
        return (await control.registers.keep(register, proof, 'control')).current.version;
      },
    },
  });
}

/** What losses are told by. Its numbers are those of the policy, or its defaults. */
export function breachWorldOf(control: Control): BreachWorld {
  const { options, world, lease, picture, compliance } = control;
  return {
    isLeading: () => lease.current() !== undefined,
    laws: () => compliance.posture.laws(),
    policy: () => world.declared.policy?.spec.breach ?? DEFAULT_BREACH,
    openIncidents: () => control.tracker.open,
    mitigations: () => world.declared.mitigations,
    felt: () => picture.userSignal.byTenant(options.clock.now(), FELT_MS),
    drillsSince: (at) => drillMarks(options.database, at),
    page: (message, key) => callPerson(options, message, key),
  };
}

/** An incident that names nobody may be anybody's. A control that is violated says nothing about how a tenant is served. */
function concerns({ subject, cause }: Diagnosis, tenant: string): boolean {
  if (cause === 'compliance') return false;
  return subject.kind !== 'tenant' || subject.name === tenant;
}

export function partWatchOf({ options, picture, parts, compliance }: Control): PartWatch {
  const { clock, log } = options;
  return new PartWatch({
    parts,
    world: picture.world,
    clock,
    log,
    onSample: (sample) => picture.take(sample),
    onChange: (settings) => compliance.settingsChanged(settings),
  });
}

export function ownLevelsOf({ options, picture }: Control): OwnLevels {
  const { database, state, clock, log } = options;
  return new OwnLevels({ folder: state.root, database, clock, log, onSample: (sample) => picture.take(sample) });
}

export function fleetOf(control: Control): Fleet {
  const { options, picture, lease, record } = control;
  const { database, driver, clock } = options;
  return createFleet({
    database,
    lease,
    driver,
    parts: control.parts,
    world: picture.world,
    clock,
    record,
    refresh: () => picture.refresh(),
    environmentOf: (version, slot) => picture.environmentOf(version, slot),
    onSample: (sample) => picture.take(sample),
    callPerson: (message, key) => callPerson(options, message, key),
  });
}

export function convergerOf(control: Control, fleet: Fleet): Converger {
  const { options, picture, lease, record } = control;
  const { database, clock, random, log } = options;
  return new Converger({
    database,
    lease,
    world: picture.world,
    fleet,
    clock,
    random,
    log,
    record,
    refresh: () => picture.refresh(),
    heldBy: (workload) => reasonToHold(control, workload),
    isRepairing: (workload) => control.desk.holds(`workload ${workload}`),
  });
}

/** What healing stands on in this process. */
export function portsOf(control: Control, fleet: Fleet, detectors: readonly RunningDetector[]): HealerOptions {
  const { options, picture, lease, record, converger } = control;
  const { database, clock, random, log, moves } = options;
  const { world, waker, userSignal, samples } = picture;
  return {
    memory: createPostgresqlMemory({ database, lease, record, random }),
    fleet,
    moves,
    detectors,
    userSignal,
    clock,
    random,
    log,
    takeSamples: () => samples.splice(0),
    woken: (signal) => waker.woken(signal),
    wake: () => waker.wake(),
    epoch: () => lease.current()?.epoch,
    leadership: () => control.leadership(),
    view: () => world.view(),
    async lookAgain() {
      await control.refresh();
      return world.view();
    },
    async look() {
      if (world.declaredAt === 0) await control.refresh();
      return world.view();
    },
    policy: () => policyOf(control),
    surroundings: () => surroundingsOf(control),
    measureAgain: (facts) => control.compliance.measureAgain(facts),
    isBusy: (workload) => converger.isBusy(workload),
    converge: (epoch, signal) => converger.look(epoch, signal),
  };
}

/** What detectors go by, as declared at the moment they ask. */
export function termsOf(world: World): DetectionTerms {
  return {
    promisedTo(tenant) {
      const found = world.declared.tenants.find((each) => each.metadata.name === tenant)?.spec.objectives;
      return found && { ...found, periodMs: PERIOD_MS };
    },
    numbers: () => detectionNumbers(world.declared.policy?.spec.detection),
  };
}

/** Posts to the webhook of KINTSUGI_PAGE_WEBHOOK; without one the incident stays open for whoever looks. */
async function callPerson(
  { pageWebhook, log, clock }: ControlOptions,
  message: { incident: string; summary: string },
  key: string,
): Promise<boolean> {
  log.warn(message, 'a person is needed');
  if (pageWebhook === undefined) return false;
  const answer = await fetch(pageWebhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ source: 'kintsugi', ...message }),
    signal: clock.deadline(5_000),
  });
  return answer.ok;
}
