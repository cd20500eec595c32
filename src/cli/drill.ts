import { Argument, type Command, InvalidArgumentError } from 'commander';
import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { performControlDrill, takeBackLeftover } from './drill-control.ts';
import { CONTROL_FAULTS } from './drill-control-faults.ts';
import type { DrillOptions, DrillResult, Fault, Participants, RecordedDrill } from './drill-fault.ts';
import { isGood } from './drill-fault.ts';
import { FAULTS, type Preparation } from './drill-faults.ts';
import { renderDrill } from './drill-report.ts';
import { loseRegion } from './drill-region.ts';
import { refuse, refuseWhenUnfit } from './drill-target.ts';
import { type Sighting, watchHealing } from './drill-watch.ts';
import { DrillWorld } from './drill-world.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf } from './moment.ts';
import { wholeNumber } from './number-option.ts';
import { readStatus } from './status.ts';

/** Gateways hand their records over several times a second; after this the ledger has those of the drill. */
const RECORDS_MS = 1_000;
/** How long control may be away before a drill is left off the record. */
const RECORD_WITHIN_MS = 30_000;
const RECORD_AGAIN_MS = 500;
/** How long a healing, or a rhythm of collectors with what it takes to measure, may take where nobody says. */
const HEALING_S = 90;
const RHYTHM_S = 240;
const REGION_LOST = 'region-lost';
const REGION_LOST_ABOUT = 'all that serves a tenant (--key) in its one region is killed for 15 s (--parameter)';

export function declareDrill(program: Command, binder: Binder): void {
  const list = (faults: typeof FAULTS | typeof CONTROL_FAULTS) =>
    Object.entries(faults)
      .map(([name, { about }]) => `  ${name.padEnd(22)} ${about}`)
      .join('\n');
  const command = program
    .command('drill')
    .description(
      'break something, or violate a control, on purpose and watch; exit code 0 when healed, or found and good again',
    )
    .addArgument(
      new Argument('<fault>', 'what to break').choices([
        ...Object.keys(FAULTS),
        ...Object.keys(CONTROL_FAULTS),
        REGION_LOST,
      ]),
    )
    .argument('[target]', 'instance, workload (a ready instance is picked), store (records/eu) or tenant')
    .option('--parameter <number>', 'how much, for the faults that say so', positiveNumber)
    .option('-f, --file <path...>', 'manifest of a broken release or configuration')
    .option('--key <key>', 'API key of the tenant, for noisy-tenant and region-lost')
    .option('--path <path>', 'what the tenant asks for (default: the first public path)')
    .option('--dependency <workload>', 'which dependency goes down (default: the first)')
    .option(
      '--timeout <seconds>',
      `how long the healing (default: ${HEALING_S}) or each stage of a violation (${RHYTHM_S}) may take`,
      wholeNumber(1, 3_600),
    )
    .option(
      '--incident-within <seconds>',
      'of a violation: how long an incident may take to open before the fault is taken back',
      wholeNumber(0, 3_600),
      15,
    )
    .option('--by <name>', 'who drills, for the record')
    .option('--with <name...>', 'who else takes part, for the record')
    .addHelpText(
      'after',
      `\nFaults:\n${list(FAULTS)}\n\nViolations of controls:\n${list(CONTROL_FAULTS)}\n  ${REGION_LOST.padEnd(22)} ${REGION_LOST_ABOUT}`,
    );
  binder.bind<DrillOptions>(command, (invocation, options, fault = '', target) =>
    runDrill(invocation, options, fault, target),
  );
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('must be a number above 0.');
}

async function runDrill(invocation: Invocation, options: DrillOptions, name: string, target?: string): Promise<void> {
  const world = new DrillWorld(invocation);
  try {
    await takeBackLeftover(invocation, world);
    const preparation = { invocation, world, status: await readStatus(invocation), target, options };
    const result = await (name in FAULTS ? hurt(preparation, name) : violate(preparation, name));
    const participants = { by: invocation.actor(options.by), with: options.with ?? [] };
    const recorded = await record(invocation, world, result, participants);
    const told = { ...result, drill: recorded?.id ?? null, dataLostMs: recorded?.dataLostMs ?? null };
    invocation.print(told, () => renderDrill(result, recorded, invocation.paint));
    if (isGood(result)) return;
    throw new KinError('drill.failed', `${name} on ${result.target} ended as ${result.outcome}`, {
      details: { outcome: result.outcome, incident: result.incident },
    });
  } finally {
    await world.close();
  }
}

async function hurt(preparation: Preparation, name: string): Promise<DrillResult> {
  const { invocation, world, options, status } = preparation;
  const kind = FAULTS[name];
  if (!kind) throw new KinError('usage.invalid', `there is no fault ${name}`);
  const fault = await kind.prepare(preparation);
  refuseWhenUnfit(status, fault.subject);
  invocation.note(`drill: ${fault.about}`);
  return await perform({ invocation, world, options, name, fault });
}

async function violate(preparation: Preparation, name: string): Promise<DrillResult> {
  const { invocation, world, options, status } = preparation;
  if (!status.leading) throw refuse('no control process leads: nothing would be recorded or healed');
  const timeoutMs = (options.timeout ?? RHYTHM_S) * 1_000;
  if (name === REGION_LOST) return await loseRegion(preparation, name, timeoutMs);
  const fault = await CONTROL_FAULTS[name]!.prepare(preparation);
  invocation.note(`drill: ${fault.about}`);
  const incidentWithinMs = options.incidentWithin * 1_000;
  return await performControlDrill({ invocation, world, name, fault, timeoutMs, incidentWithinMs });
}

interface Performance {
  readonly invocation: Invocation;
  readonly world: DrillWorld;
  readonly options: DrillOptions;
  readonly name: string;
  readonly fault: Fault;
}

async function perform({ invocation, world, options, name, fault }: Performance): Promise<DrillResult> {
  const { clock } = invocation.context;
  const ledgerFrom = await world.ledgerSize();
  const injectedAt = clock.now();
  let takenBack = false;
  let sighting: Sighting;
  try {
    await fault.inject();
    const watching = watch({ invocation, world, options, fault, injectedAt });
    sighting = await invocation.waiting('the healing', watching);
  } finally {
    takenBack = await fault.takeBack();
  }
  const endedAt = clock.now();
  await clock.sleep(RECORDS_MS);
  const tenants = ledgerFrom === undefined ? undefined : await world.access(ledgerFrom, injectedAt);
  const { incident, replacedAt, restartedAt, outcome } = sighting;
  const since = (at: string | number | null | undefined) =>
    at == null ? null : Math.round(epochMsOf(at) - injectedAt);
  return {
    fault: name,
    target: targetOf(fault),
    outcome,
    incident: incident?.id ?? null,
    incidentOutcome: incident ? (incident.outcome ?? incident.state) : null,
    startedAt: toIso(injectedAt),
    endedAt: toIso(endedAt),
    detectedMs: since(incident?.detectedAt),
    openedMs: since(incident?.openedAt),
    replacedMs: since(replacedAt),
    closedMs: since(incident?.closedAt),
    restartedMs: since(restartedAt),
    satisfiedMs: null,
    controls: [],
    tenants: tenants ?? null,
    takenBack,
  };
}

function targetOf({ subject }: Fault): string {
  switch (subject.kind) {
    case 'slot':
      return subject.instance;
    case 'version':
      return subject.workload;
    case 'tenant':
      return subject.tenant;
    case 'process':
      return subject.id;
  }
}

type Watching = Omit<Performance, 'name'> & { readonly injectedAt: number };

/** Watches the healing beside the fault, if that has to be kept up. Ctrl-C ends both. */
async function watch({ invocation, world, options, fault, injectedAt }: Watching): Promise<Sighting> {
  const { clock } = invocation.context;
  return await untilInterrupted(async (interrupted) => {
    const over = new AbortController();
    let sustained = fault.sustain !== undefined && fault.subject.kind === 'slot';
    const sustaining = fault.sustain?.(AbortSignal.any([interrupted, over.signal])).finally(() => {
      sustained = false;
    });
    try {
      const timeoutMs = (options.timeout ?? HEALING_S) * 1_000;
      const { subject } = fault;
      const isSustained = () => sustained;
      return await watchHealing({ world, subject, injectedAt, timeoutMs, clock, signal: interrupted, isSustained });
    } finally {
      over.abort();
      await sustaining?.catch(() => {});
    }
  });
}

/** Puts the drill on record, waiting for control when that was what was drilled. Undefined when it stayed away. */
async function record(
  invocation: Invocation,
  world: DrillWorld,
  result: DrillResult,
  participants: Participants,
): Promise<RecordedDrill | undefined> {
  const { clock } = invocation.context;
  const untilMs = clock.monotonicMs() + RECORD_WITHIN_MS;
  while (clock.monotonicMs() < untilMs) {
    const recorded = await world.record(result, participants);
    if (recorded) return recorded;
    await clock.sleep(RECORD_AGAIN_MS);
  }
  return undefined;
}
