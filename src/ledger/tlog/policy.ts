import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { type NoteKey, parseVkey, rawPublicKey, type SignatureKind } from './note-key.ts';
import { openNote } from './signed-note.ts';

/** C2SP tlog-policy: which logs are believed, and which witnesses must have seen a checkpoint. */
export interface Policy {
  readonly logs: readonly TrustedLog[];
  readonly witnesses: readonly TrustedWitness[];
  /** What must have cosigned; undefined when nobody need. */
  readonly quorum: Member | undefined;
}

export interface TrustedLog {
  readonly key: NoteKey;
  readonly url?: string;
}

export interface TrustedWitness {
  /** Its name in the policy, which need not be that of its key. */
  readonly name: string;
  readonly key: NoteKey;
  readonly url?: string;
}

/** A witness or a group of members of which at least `threshold` must have cosigned. */
export type Member =
  | { readonly kind: 'witness'; readonly witness: TrustedWitness }
  | { readonly kind: 'group'; readonly threshold: number; readonly members: readonly Member[] };

/** What a policy file says, or its first line that says nothing. */
export type ParsedPolicy =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'invalid'; readonly line: number; readonly reason: string };

const POLICY_BYTES_MAX = 1024 * 1024;
/** Of logs, of witnesses and of groups together; the specification asks for 32 of each. */
const NAMES_MAX = 1024;
const LOG_KINDS: readonly SignatureKind[] = ['ed25519', 'ml-dsa-44'];
const WITNESS_KINDS: readonly SignatureKind[] = ['cosignature', 'ml-dsa-44'];

class PolicyReader {
  readonly logs: TrustedLog[] = [];
  readonly witnesses: TrustedWitness[] = [];
  readonly #defined = new Map<string, Member>();
  readonly #used = new Set<string>();
  #quorum: Member | undefined;
  hasQuorum = false;

  get policy(): Policy {
    return { logs: this.logs, witnesses: this.witnesses, quorum: this.#quorum };
  }

  /** Takes in the words of a line; gives what is wrong with them. */
  take(words: readonly string[]): string | undefined {
    if (this.logs.length + this.#defined.size >= NAMES_MAX) return 'the policy is too large';
    const [keyword = '', ...rest] = words;
    switch (keyword) {
      case 'log':
        return this.#log(rest);
      case 'witness':
        return this.#witness(rest);
      case 'group':
        return this.#group(rest);
      case 'quorum':
        return this.#setQuorum(rest);
      default:
        return 'a line begins with log, witness, group or quorum';
    }
  }

  #log([vkey = '', url, ...more]: readonly string[]): string | undefined {
    const key = keyOf(vkey, LOG_KINDS);
    if (!key || more.length > 0) return 'a log line is: log <vkey of a log> [<url>]';
    if (isKnown(key, this.logs)) return 'a log has one line';
    this.logs.push({ key, ...(url === undefined ? {} : { url }) });
    return undefined;
  }

  #witness([name = '', vkey = '', url, ...more]: readonly string[]): string | undefined {
    const key = keyOf(vkey, WITNESS_KINDS);
    if (!key || more.length > 0) return 'a witness line is: witness <name> <vkey of a witness> [<url>]';
    if (isKnown(key, this.witnesses)) return 'a witness has one line';
    const witness = { name, key, ...(url === undefined ? {} : { url }) };
    const fault = this.#define(name, { kind: 'witness', witness });
    if (fault === undefined) this.witnesses.push(witness);
    return fault;
  }

  #group([name = '', rule = '', ...names]: readonly string[]): string | undefined {
    if (names.length === 0) return 'a group line is: group <name> all|any|<number> <member>...';
    const threshold = rule === 'all' ? names.length : rule === 'any' ? 1 : parseDecimal(rule);
    if (threshold === undefined || threshold < 1 || threshold > names.length) {
      return 'a group asks for all, any, or a number of its members';
    }
    const members: Member[] = [];
    for (const each of names) {
      const member = this.#defined.get(each);
      if (!member) return 'a group has members that were defined before it';
      if (this.#used.has(each)) return 'a name is a member once';
      this.#used.add(each);
      members.push(member);
    }
    return this.#define(name, { kind: 'group', threshold, members });
  }

  #define(name: string, member: Member): string | undefined {
    if (name === 'none' || this.#defined.has(name)) return 'a name is defined once, and never none';
    this.#defined.set(name, member);
    return undefined;
  }

  #setQuorum([name = '', ...more]: readonly string[]): string | undefined {
    if (this.hasQuorum) return 'a policy has one quorum line';
    this.#quorum = this.#defined.get(name);
    if (more.length > 0 || (name !== 'none' && !this.#quorum)) return 'a quorum is none or a name defined before it';
    this.hasQuorum = true;
    return undefined;
  }
}

function keyOf(vkey: string, kinds: readonly SignatureKind[]): NoteKey | undefined {
  // The file is octets; a key name in it is UTF-8.
  const key = parseVkey(Buffer.from(vkey, 'latin1').toString('utf8'));
  return key && kinds.includes(key.kind) ? key : undefined;
}

/** Keys are the same when their bytes are, whatever they are called. */
function isKnown(key: NoteKey, among: readonly { readonly key: NoteKey }[]): boolean {
  return among.some((one) => rawPublicKey(one.key.publicKey).equals(rawPublicKey(key.publicKey)));
}

/** Reads a policy file. Never throws. */
export function parsePolicy(file: Uint8Array): ParsedPolicy {
  if (file.length > POLICY_BYTES_MAX) return { kind: 'invalid', line: 1, reason: 'the file is too large' };
  const reader = new PolicyReader();
  const lines = Buffer.from(file).toString('latin1').split('\n');
  for (const [position, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const isComment = words[0]?.startsWith('#') === true;
    const fault = /[^\t\x20-\x7e\x80-\xff]/.test(line)
      ? 'there are no control characters in a policy'
      : words.length === 0 || isComment
        ? undefined
        : reader.take(words);
    if (fault !== undefined) return { kind: 'invalid', line: position + 1, reason: fault };
  }
  if (!reader.hasQuorum) return { kind: 'invalid', line: lines.length, reason: 'the quorum line is missing' };
  return { kind: 'policy', policy: reader.policy };
}

/** The policy that believes one log by its key and asks for no witness. */
export function policyOfKey(key: NoteKey): Policy {
  return { logs: [{ key }], witnesses: [], quorum: undefined };
}

/** A witness that saw a checkpoint, and when, in seconds since 1970. */
export interface Sighting {
  readonly witness: TrustedWitness;
  readonly timeS: number;
}

/**
 * What a policy says to a checkpoint. `unwitnessed`: a trusted log signed it, but too few witnesses did. `rejected`: no
 * trusted log signed it, or a signature of a known key does not hold.
 */
export type CheckpointVerdict =
  | {
      readonly kind: 'accepted' | 'unwitnessed';
      readonly checkpoint: Checkpoint;
      readonly log: TrustedLog;
      readonly seen: readonly Sighting[];
    }
  | { readonly kind: 'rejected'; readonly reason: string };

/** Judges the note of a checkpoint. Never throws. */
export function judgeCheckpoint(note: string, policy: Policy): CheckpointVerdict {
  const opened = openNote(
    note,
    [...policy.logs, ...policy.witnesses].map(({ key }) => key),
  );
  if (opened.kind === 'rejected') return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (!checkpoint) return { kind: 'rejected', reason: 'the note is not a checkpoint' };
  const isSigned = ({ key }: TrustedLog) => opened.signatures.some((one) => one.key === key);
  const log = policy.logs.find((one) => isSigned(one) && one.key.name === checkpoint.origin);
  if (!log) return { kind: 'rejected', reason: `no trusted log signed it as ${JSON.stringify(checkpoint.origin)}` };
  const seen = policy.witnesses.flatMap((witness) => {
    const signature = opened.signatures.find(({ key }) => key === witness.key);
    return signature?.timeS === undefined ? [] : [{ witness, timeS: signature.timeS }];
  });
  const isMet = policy.quorum === undefined || holds(policy.quorum, new Set(seen.map(({ witness }) => witness)));
  return { kind: isMet ? 'accepted' : 'unwitnessed', checkpoint, log, seen };
}

function holds(member: Member, seen: ReadonlySet<TrustedWitness>): boolean {
  if (member.kind === 'witness') return seen.has(member.witness);
  return member.members.filter((each) => holds(each, seen)).length >= member.threshold;
}
