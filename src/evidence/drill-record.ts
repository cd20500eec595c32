import { fromIso } from '../base/clock.ts';
import type { Json, JsonObject } from '../base/json.ts';
import { type EvidenceKey, formatEnvelope, openEnvelope, signEnvelope } from './dsse.ts';

/** A drill as it is kept for auditors, and cited by its id. Times are ISO 8601; null for what was not measured. */
export interface DrillEvidence {
  readonly id: string;
  /** What was broken, and what of. */
  readonly scenario: string;
  readonly target: string;
  readonly participants: readonly string[];
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: string;
  readonly isTakenBack: boolean;
  readonly detectedAfterMs: number | null;
  /** From the fault until it was healed and verified, or measured to be good again: the recovery time that was shown. */
  readonly recoveredAfterMs: number | null;
  /** The longest span of data that a database server lost while it ran, as its own log tells. */
  readonly dataLostMs: number | null;
  readonly incident: string | null;
  /** Requests of tenants meanwhile, as gateways recorded them; null when the ledger could not be read. */
  readonly tenants: Json;
  /** Controls that turned while it ran, and how they stood when it was over. */
  readonly controls: readonly ControlDuring[];
}

export interface ControlDuring {
  readonly tenant: string;
  readonly framework: string;
  readonly control: string;
  readonly status: string;
  readonly since: string;
}

/** What whoever drilled told of it. */
export interface DrillReport {
  readonly id: string;
  readonly fault: string;
  readonly target: string;
  readonly by: string;
  /** Who else took part. */
  readonly with: readonly string[];
  readonly startedAt: string;
  readonly endedAt: string;
  readonly result: JsonObject;
}

/** Everybody who took part, each once, and first who did it. */
export function participantsOf({ by, with: others }: Pick<DrillReport, 'by' | 'with'>): readonly string[] {
  return [...new Set([by, ...others])];
}

const DRILL_TYPE = 'application/vnd.kintsugi.drill+json';

/** The record of a drill, from what was told of it and what turned on record meanwhile. */
export function drillEvidence(report: DrillReport, turned: readonly ControlDuring[]): DrillEvidence {
  const { id, fault, target, startedAt, endedAt, result } = report;
  const ms = (name: string) => (typeof result[name] === 'number' ? result[name] : null);
  const text = (name: string) => (typeof result[name] === 'string' ? result[name] : null);
  return {
    id,
    scenario: fault,
    target,
    participants: participantsOf(report),
    startedAt,
    endedAt,
    outcome: text('outcome') ?? 'not told',
    isTakenBack: result['takenBack'] === true,
    detectedAfterMs: ms('detectedMs'),
    recoveredAfterMs: recoveredMs(result),
    dataLostMs: ms('dataLostMs'),
    incident: text('incident'),
    tenants: result['tenants'] ?? null,
    controls: turned.filter(({ since }) => fromIso(since) >= fromIso(startedAt)),
  };
}

/** The record, signed: DSSE in one line. */
export function signDrill(evidence: DrillEvidence, key: EvidenceKey): string {
  return formatEnvelope(signEnvelope(DRILL_TYPE, Buffer.from(JSON.stringify(evidence)), key));
}

/** The record when the key has signed it as it stands; otherwise undefined. */
export function openDrill(envelope: string, publicKey: string): DrillEvidence | undefined {
  const payload = openEnvelope(envelope, DRILL_TYPE, publicKey);
  return payload && (JSON.parse(payload.toString('utf8')) as DrillEvidence);
}

/** From the fault until it was healed and verified, or measured to be good again; null where neither was seen. */
export function recoveredMs(result: JsonObject): number | null {
  const told = [result['closedMs'], result['satisfiedMs'], result['restartedMs']];
  return told.find((each) => typeof each === 'number') ?? null;
}
