import { toIso } from '../base/clock.ts';
import { describeError, KinError } from '../base/errors.ts';
import type { ControlFault } from './drill-control-fault.ts';
import { ControlWatch, violatedBefore } from './drill-control-watch.ts';
import type { DrillResult } from './drill-fault.ts';
import { refuse } from './drill-target.ts';
import { DrillNote, takeBack } from './drill-undo.ts';
import type { DrillWorld } from './drill-world.ts';
import { untilInterrupted } from './interruption.ts';
import type { Invocation } from './invocation.ts';
import { epochMsOf } from './moment.ts';
import type { TenantResult } from './posture.ts';

const UNDO_AGAIN_MS = 500;
const UNDO_WITHIN_MS = 60_000;

export interface ControlPerformance {
  readonly invocation: Invocation;
  readonly world: DrillWorld;
  readonly name: string;
  readonly fault: ControlFault;
  /** For the detection, for the healing, and for everything to be satisfied again. */
  readonly timeoutMs: number;
  /** After the control turned. */
  readonly incidentWithinMs: number;
}

/**
 * Violates a control, watches until it is found, waits for the incident if one opens, takes the fault back and watches until
 * all is measured to be good again. The fault is taken back however this ends; one that a killed drill left is taken back
 * by the next. Throws `drill.refused` and does nothing where the fault could not be told from what is there already.
 */
export async function performControlDrill(performance: ControlPerformance): Promise<DrillResult> {
  const { invocation, world, name, fault } = performance;
  const { clock } = invocation.context;
  const before = await world.posture();
  if (!before) throw refuse('control does not tell the posture');
  refuseWhenViolated(before, fault);
  const note = new DrillNote(invocation);
  const injectedAt = clock.now();
  return await untilInterrupted(async (interrupted) => {
    const watch = new ControlWatch({ world, fault, before, injectedAt, clock, signal: interrupted });
    let isDetected = false;
    let healedBySelf = false;
    note.write(name, fault.undo);
    const release = note.keep(clock);
    try {
      await fault.inject();
      isDetected = await kept(performance, interrupted, () => watchFault(performance, watch));
      healedBySelf = isDetected && watch.isRestored;
    } finally {
      await persistently(performance).finally(release);
      note.remove();
    }
    invocation.note('the fault is taken back');
    const isRestored = isDetected && (await invocation.waiting('the posture', watch.restored(performance.timeoutMs)));
    const outcome = interrupted.aborted ? 'interrupted' : outcomeOf(isDetected, healedBySelf, isRestored, watch);
    return resultOf(performance, watch, injectedAt, outcome);
  });
}

function refuseWhenViolated(before: readonly TenantResult[], fault: ControlFault): void {
  const [violated] = violatedBefore(before, fault);
  if (violated) throw refuse(`the fault could not be told from what is there already: ${violated[1].text}`);
  const judged = before.some(({ reasons }) =>
    reasons.some(({ fact, subject }) => fault.facts.includes(fact) && fault.subjects.includes(subject ?? '')),
  );
  if (judged) return;
  const subjects = fault.subjects.join(', ');
  throw refuse(`no tenant's control asks for ${fault.facts.join(' or ')} of ${subjects}, or it was not measured yet`);
}

async function watchFault(
  { invocation, timeoutMs, incidentWithinMs }: ControlPerformance,
  watch: ControlWatch,
): Promise<boolean> {
  const isDetected = await invocation.waiting('a control to turn', watch.detected(timeoutMs));
  for (const text of new Set(watch.controls.map(({ control, reason }) => `${control}: ${reason}`))) {
    invocation.note(`found: ${text}`);
  }
  if (isDetected) await invocation.waiting('an incident', watch.healing(incidentWithinMs, timeoutMs));
  return isDetected;
}

/** Keeps the fault up beside the watching, where it would go away by itself. */
async function kept<T>({ fault }: ControlPerformance, interrupted: AbortSignal, run: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const keeping = fault.sustain?.(AbortSignal.any([interrupted, over.signal]));
  try {
    return await run();
  } finally {
    over.abort();
    await keeping?.catch(() => undefined);
  }
}

/** Until it is taken back: what it was done to may be away for a moment, such as while it is being healed. */
async function persistently({ invocation, world, fault, name }: ControlPerformance): Promise<void> {
  const { clock } = invocation.context;
  const untilMs = clock.monotonicMs() + UNDO_WITHIN_MS;
  for (;;) {
    try {
      return await takeBack(invocation, world, fault.undo);
    } catch (error) {
      if (clock.monotonicMs() < untilMs) await clock.sleep(UNDO_AGAIN_MS);
      else throw new KinError('drill.left', `${name} on ${fault.target} could not be taken back`, { cause: error });
    }
  }
}

/** Takes back what a drill left that was killed. Rejects with `drill.left` when that does not succeed, and with `drill.refused` while it lives. */
export async function takeBackLeftover(invocation: Invocation, world: DrillWorld): Promise<void> {
  const note = new DrillNote(invocation);
  const left = note.read();
  if (!left) return;
  if (note.isKept(left, invocation.context.clock)) throw refuse(`another drill is under way: ${left.fault}`);
  try {
    await takeBack(invocation, world, left.undo);
  } catch (cause) {
    const message = `a drill was cut off, and its ${left.fault} could not be taken back: ${describeError(cause)}`;
    throw new KinError('drill.left', message, { cause });
  }
  note.remove();
  invocation.note(`the fault of an earlier drill that was cut off (${left.fault}) is taken back`);
}

function outcomeOf(
  isDetected: boolean,
  healedBySelf: boolean,
  isRestored: boolean,
  { incident, isMended }: ControlWatch,
): string {
  if (!isDetected) return 'undetected';
  if (!isRestored) return 'not restored';
  return isMended || (healedBySelf && incident?.outcome === 'healed') ? 'healed' : 'detected';
}

function resultOf(
  { invocation, name, fault }: ControlPerformance,
  { incident, controls, isRestored }: ControlWatch,
  injectedAt: number,
  outcome: string,
): DrillResult {
  const since = (at: string | null | undefined) => (at == null ? null : Math.round(epochMsOf(at) - injectedAt));
  const violated = controls.map(({ violatedMs }) => violatedMs);
  const restored = controls.map(({ restoredMs }) => restoredMs ?? 0);
  return {
    fault: name,
    target: fault.target,
    outcome,
    incident: incident?.id ?? null,
    incidentOutcome: incident ? (incident.outcome ?? incident.state) : null,
    startedAt: toIso(injectedAt),
    endedAt: toIso(invocation.context.clock.now()),
    detectedMs: violated.length === 0 ? null : Math.min(...violated),
    openedMs: since(incident?.openedAt),
    replacedMs: null,
    closedMs: since(incident?.closedAt),
    restartedMs: null,
    satisfiedMs: controls.length > 0 && isRestored ? Math.max(...restored) : null,
    controls,
    tenants: null,
    takenBack: true,
  };
}
