import type { FactName } from '../resources/fact-kinds.ts';
import type { Undo } from './drill-undo.ts';

/** A violation on purpose: ready to be done, and to be found by facts. */
export interface ControlFault {
  /** What is hurt, for people: `store records/eu`. */
  readonly target: string;
  /** What is about to happen, for people. */
  readonly about: string;
  /** By which it is to be found; one of them is enough. */
  readonly facts: readonly FactName[];
  /** Of those facts: `postgresql/records/eu`, `clinic-de`. */
  readonly subjects: readonly string[];
  /** Words of which one is in the subject or the summary of an incident about it. */
  readonly words: readonly string[];
  readonly undo: Undo;
  inject(): Promise<void>;
  /** Whether whoever runs it has mended it already, without an incident: then no control need turn. */
  mended?(): Promise<boolean>;
  /** Keeps it up until the signal aborts, where it would go away by itself. */
  sustain?(signal: AbortSignal): Promise<void>;
}

/** A control that a fault violated for one tenant. Spans are milliseconds from the injection. */
export interface ViolatedControl {
  readonly tenant: string;
  readonly framework: string;
  readonly control: string;
  readonly clause: string;
  /** What was measured, as the control says it. */
  readonly reason: string;
  /** Whether its result turned by it; a control may have been violated by something else before. */
  readonly turned: boolean;
  readonly violatedMs: number;
  /** When the measurement was good again; null when that was not seen. */
  readonly restoredMs: number | null;
}
