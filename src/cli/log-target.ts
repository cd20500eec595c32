import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { VERSION_FILE } from '../ledger/ledger-directory.ts';
import { readPolicyFile } from '../ledger/policy-file.ts';
import { isTenantRecord } from '../ledger/tenant-record.ts';
import { folderSource } from '../ledger/tlog/folder-source.ts';
import { httpSource } from '../ledger/tlog/http-source.ts';
import { CHECKPOINT_PATH, LogFault, type LogSource } from '../ledger/tlog/log-source.ts';
import { parseVkey } from '../ledger/tlog/note-key.ts';
import { type Policy, policyOfKey } from '../ledger/tlog/policy.ts';
import { isProof } from '../ledger/tlog/tlog-proof.ts';

/** Longest time for one file of a log. */
const FILE_MS = 30_000;
const RECEIPT_BYTES_MAX = 4 * 1024 * 1024;
const RECORD_BYTES_MAX = 512 * 1024 * 1024;

/** What somebody points at to have it verified: a ledger's own folder, a log elsewhere, a receipt, or a tenant's record. */
export type LogTarget =
  | { readonly kind: 'folder'; readonly dir: string }
  | { readonly kind: 'log'; readonly source: LogSource }
  | { readonly kind: 'receipt'; readonly text: string }
  | { readonly kind: 'tenant'; readonly text: string };

/** Finds out what a word on the command line points at. Throws `resource.unknown` when it is nothing of these. */
export function logTarget(word: string, clock: Clock): LogTarget {
  const deadline = () => clock.deadline(FILE_MS);
  if (/^https?:\/\//.test(word)) {
    if (!URL.canParse(word)) throw new KinError('usage.invalid', `${word} is not an address`);
    return { kind: 'log', source: httpSource({ url: word, deadline }) };
  }
  const unknown = new KinError('resource.unknown', `${word} is no ledger, export or receipt`, {
    details: { path: word },
  });
  const stat = statSync(word, { throwIfNoEntry: false });
  if (stat?.isSocket()) {
    return { kind: 'log', source: httpSource({ url: 'http://ledger', socketPath: word, deadline }) };
  }
  if (stat?.isDirectory()) {
    if (existsSync(join(word, VERSION_FILE))) return { kind: 'folder', dir: word };
    if (existsSync(join(word, CHECKPOINT_PATH))) return { kind: 'log', source: folderSource(word) };
    throw unknown;
  }
  const text = stat?.isFile() && stat.size <= RECORD_BYTES_MAX ? readFileSync(word, 'utf8') : '';
  if (isTenantRecord(text)) return { kind: 'tenant', text };
  if (text.length <= RECEIPT_BYTES_MAX && isProof(text)) return { kind: 'receipt', text };
  throw unknown;
}

/** Options that say who is trusted. */
export interface TrustOptions {
  readonly publicKey?: string;
  readonly policy?: string;
}

export const TRUST_OPTIONS = [
  ['--public-key <vkey>', 'the key as it was noted elsewhere'],
  ['--policy <file>', 'a trust policy (C2SP tlog-policy): logs and witnesses that are believed'],
] as const;

/** The policy that was given, by file or by key; undefined when none was. Throws `usage.invalid` or `request.invalid`. */
export function givenPolicy({ publicKey, policy }: TrustOptions): Policy | undefined {
  if (publicKey !== undefined && policy !== undefined) {
    throw new KinError('usage.invalid', 'give --public-key or --policy, not both');
  }
  if (policy !== undefined) return readPolicyFile(policy);
  if (publicKey === undefined) return undefined;
  const key = parseVkey(publicKey.trim());
  if (!key || key.kind === 'cosignature') {
    throw new KinError('request.invalid', 'the public key is not the vkey of a log');
  }
  return policyOfKey(key);
}

/** The same, where nothing can be said without one: a log cannot vouch for itself. */
export function requiredPolicy(options: TrustOptions): Policy {
  const policy = givenPolicy(options);
  if (policy) return policy;
  throw new KinError('usage.invalid', 'give --policy or --public-key: a log cannot vouch for itself');
}

/** A fault of a log as one of the catalogue: what is not as signed is tampering, no answer is not. */
export function faultOfLog(error: unknown): unknown {
  if (!(error instanceof LogFault)) return error;
  const { kind, path, index, message, cause } = error;
  const details = { file: path, reason: message, ...(index === undefined ? {} : { index }) };
  const code = kind === 'unreachable' ? 'ledger.unreachable' : 'ledger.tampered';
  return new KinError(code, `${path}: ${message}`, { cause, details });
}
