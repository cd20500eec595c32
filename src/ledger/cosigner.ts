import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, toIso } from '../base/clock.ts';
import { writeDurably } from '../base/durable-file.ts';
import { describeError, KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { SignedCheckpoint } from './ledger-directory.ts';
import { tamperedFile } from './ledger-fault.ts';
import type { OpenLedger } from './open-ledger.ts';
import { readPolicyFile } from './policy-file.ts';
import type { NoteKey } from './tlog/note-key.ts';
import { judgeCheckpoint, type Policy, type TrustedWitness } from './tlog/policy.ts';
import { keepSignatures } from './tlog/signed-note.ts';
import { type CosignAnswer, requestCosignature } from './tlog/witness-client.ts';

/** Put into a ledger's folder by its operator: the witnesses of the ledger and how many of them are needed (C2SP tlog-policy). */
const POLICY_FILE = 'policy';
/** The newest checkpoint that enough witnesses saw. */
const WITNESSED_FILE = 'witnessed';
/** Longest time for one answer of a witness. */
const ANSWER_MS = 5000;

/** How a witness answered last. */
export interface WitnessState {
  readonly name: string;
  readonly url: string;
  readonly state: 'unasked' | CosignAnswer['kind'];
  /** The size and the time of the last cosignature. */
  readonly size?: number;
  readonly at?: string;
  readonly reason?: string;
  /** The witness saw a history that is not this one. */
  readonly conflict?: boolean;
}

interface Asked {
  readonly witness: TrustedWitness;
  readonly url: string;
  oldSize: number;
  state: WitnessState;
}

export interface CosignerOptions {
  readonly dir: string;
  readonly policy: Policy;
  readonly ledger: Pick<OpenLedger, 'nodes' | 'signed'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Has the checkpoints of a ledger cosigned. What enough witnesses saw is published; a newer checkpoint is not, until they
 * saw that too. Entries are taken meanwhile: a witness that is away stops nothing but the publishing.
 */
export class Cosigner {
  readonly #options: CosignerOptions;
  readonly #asked: readonly Asked[];
  #witnessed: SignedCheckpoint | undefined;
  /** When the first checkpoint was signed that is not witnessed yet, on the clock that never jumps. */
  #unwitnessedSinceMs: number | undefined;

  /** `witnessed` is what `readWitnessed` found. */
  constructor(options: CosignerOptions, witnessed: SignedCheckpoint | undefined) {
    this.#options = options;
    this.#witnessed = witnessed;
    this.#asked = options.policy.witnesses.flatMap((witness) => {
      const { name, url } = witness;
      return url === undefined ? [] : [{ witness, url, oldSize: 0, state: { name, url, state: 'unasked' as const } }];
    });
  }

  /** What is shown to others: the newest checkpoint that the policy accepts, or any as long as there was none. */
  published(): SignedCheckpoint {
    return this.#witnessed ?? this.#options.ledger.signed();
  }

  /** Entries under the newest checkpoint that enough witnesses saw. */
  witnessedSize(): number {
    return this.#witnessed?.checkpoint.size ?? 0;
  }

  /** Since when there has been a checkpoint that too few witnesses saw, in milliseconds since 1970. */
  unwitnessedSinceMs(): number | undefined {
    return this.#unwitnessedSinceMs === undefined ? undefined : this.#options.clock.now() - this.unwitnessedMs();
  }

  /** The earliest time at which one of those that saw the newest witnessed checkpoint did so, by their clocks. */
  witnessedAtMs(): number | undefined {
    const { policy } = this.#options;
    const verdict = this.#witnessed && judgeCheckpoint(this.#witnessed.note, policy);
    if (verdict?.kind !== 'accepted' || verdict.seen.length === 0) return undefined;
    return Math.min(...verdict.seen.map(({ timeS }) => timeS)) * 1000;
  }

  /** For how long there has been a checkpoint that too few witnesses saw; 0 when there is none. */
  unwitnessedMs(): number {
    return this.#unwitnessedSinceMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#unwitnessedSinceMs;
  }

  states(): readonly WitnessState[] {
    return this.#asked.map(({ state }) => state);
  }

  /** Asks all witnesses for the newest checkpoint, when it is one that is not published. Never rejects. */
  async ask(): Promise<void> {
    const { ledger, policy, dir, clock, log } = this.#options;
    const signed = ledger.signed();
    if (this.#witnessed?.checkpoint.size === signed.checkpoint.size) return;
    this.#unwitnessedSinceMs ??= clock.monotonicMs();
    try {
      const lines = await Promise.all(this.#asked.map((asked) => this.#askOne(asked, signed)));
      const note = signed.note + lines.join('');
      if (judgeCheckpoint(note, policy).kind !== 'accepted') return;
      writeDurably(join(dir, WITNESSED_FILE), note);
      this.#witnessed = { ...signed, note };
      this.#unwitnessedSinceMs = undefined;
    } catch (error) {
      log.error({ fault: describeError(error) }, 'cannot have the checkpoint witnessed');
    }
  }

  async #askOne(asked: Asked, { note, checkpoint }: SignedCheckpoint): Promise<string> {
    const { ledger, clock, policy, log } = this.#options;
    const { size } = checkpoint;
    const { witness, url, oldSize } = asked;
    const answer = await requestCosignature({
      witness: { url, deadline: () => clock.deadline(ANSWER_MS) },
      key: witness.key,
      // Witnesses know the keys of the policy; lines of others are only weight.
      note: keepSignatures(
        note,
        policy.logs.map(({ key }) => key),
      ),
      size,
      oldSize,
      prove: (from) => ledger.nodes.consistencyProof(from, size),
    });
    const before = asked.state;
    const { name } = witness;
    if (answer.kind === 'cosigned') {
      asked.oldSize = size;
      asked.state = { name, url, state: answer.kind, size, at: toIso(answer.timeS * 1000) };
      return answer.lines;
    }
    const conflict = answer.kind === 'refused' && answer.conflict;
    asked.state = { ...before, state: answer.kind, reason: answer.reason, conflict };
    if (before.reason !== answer.reason) {
      const details = { witness: name, reason: answer.reason };
      if (conflict) log.error(details, 'a witness has seen another history of this ledger');
      else log.warn(details, 'a witness did not cosign');
    }
    return '';
  }
}

/**
 * The witnesses that a ledger is to have, or undefined where its folder names none. Throws `request.invalid` when the
 * policy there cannot be used.
 */
export function readWitnessPolicy(dir: string, own: NoteKey): Policy | undefined {
  const path = join(dir, POLICY_FILE);
  if (!existsSync(path)) return undefined;
  const policy = readPolicyFile(path);
  if (policy.quorum === undefined) return undefined;
  if (policy.logs.some(({ key }) => key.name === own.name && key.id === own.id)) return policy;
  throw new KinError('request.invalid', `${path} has no log line with the key of this ledger`, { details: { path } });
}

/**
 * The newest checkpoint in a ledger's folder that a policy accepts, undefined when there is none. Throws
 * `ledger.tampered` when the ledger did not sign it.
 */
export function readWitnessed(dir: string, policy: Policy): SignedCheckpoint | undefined {
  const path = join(dir, WITNESSED_FILE);
  if (!existsSync(path)) return undefined;
  const note = readFileSync(path, 'utf8');
  const verdict = judgeCheckpoint(note, policy);
  if (verdict.kind === 'rejected') throw tamperedFile(WITNESSED_FILE, verdict.reason);
  // The policy may ask for more than it did: then the file says nothing.
  return verdict.kind === 'accepted' ? { note, checkpoint: verdict.checkpoint } : undefined;
}

/** Rejects with `ledger.tampered` when a ledger does not continue what was witnessed. */
export async function requireContinued(
  { checkpoint }: SignedCheckpoint,
  { nodes, signed }: Pick<OpenLedger, 'nodes' | 'signed'>,
): Promise<void> {
  if (checkpoint.size > signed().checkpoint.size) throw tamperedFile(WITNESSED_FILE, 'the ledger was longer once');
  if (checkpoint.root.equals(await nodes.rootAt(checkpoint.size))) return;
  throw tamperedFile(WITNESSED_FILE, 'the ledger was another once');
}
