import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { readWitnessed } from '../ledger/cosigner.ts';
import { minimumIndex } from '../ledger/pruned-prefix.ts';
import { RecordCheck } from '../ledger/record-check.ts';
import { prunedFirst } from '../ledger/retention/pruning-entry.ts';
import { LogFault, type LogSource, MINIMUM_INDEX_PATH } from '../ledger/tlog/log-source.ts';
import { type VerifiedLog, verifyLog } from '../ledger/tlog/log-verifier.ts';
import { leafHash } from '../ledger/tlog/merkle-tree.ts';
import { formatVkey } from '../ledger/tlog/note-key.ts';
import { judgeCheckpoint, type Policy, policyOfKey, type Sighting } from '../ledger/tlog/policy.ts';
import { parseProof, verifyProof } from '../ledger/tlog/tlog-proof.ts';
import { folderKeys } from '../ledger/folder-keys.ts';
import { TenantCount, tenantRecord, verifyTenantRecord } from '../ledger/tenant-record.ts';
import { verifyLedger } from '../ledger/verify.ts';
import type { Binder, Invocation } from './invocation.ts';
import {
  type LogVerdict,
  type ReceiptVerdict,
  renderLog,
  renderReceipt,
  renderTenant,
  renderVerdict,
  type WitnessedAt,
} from './ledger-lines.ts';
import { faultOfLog, givenPolicy, logTarget, requiredPolicy, TRUST_OPTIONS, type TrustOptions } from './log-target.ts';

interface VerifyOptions extends TrustOptions {
  readonly dir?: string;
  readonly since?: string;
  readonly entry?: string;
  readonly tenant?: string;
}

export function declareLedgerVerify(ledger: Command, binder: Binder): void {
  const verify = ledger
    .command('verify')
    .description('prove that nothing on record was changed or removed; exit code 2 when something was')
    .argument(
      '[target]',
      'the folder of a ledger, a URL, a socket, an export, a receipt or the record of a tenant; without it the own ledger',
    )
    .option(TRUST_OPTIONS[0][0], `${TRUST_OPTIONS[0][1]}; only for the own folder the key in it is believed without`)
    .option(...TRUST_OPTIONS[1])
    .option('--since <checkpoint>', 'a checkpoint that was kept from earlier: the log must continue it')
    .option('--entry <file>', 'the bytes of the entry that a receipt is for, instead of those that it carries')
    .option('--tenant <name>', 'only whether the record of this tenant is complete and unchanged; tells of nobody else')
    .option('--dir <folder>', 'a ledger elsewhere, instead of that of the state directory');
  binder.bind<VerifyOptions>(verify, runVerify);
}

async function runVerify(invocation: Invocation, options: VerifyOptions, word?: string): Promise<void> {
  const dir = options.dir ?? invocation.state.ledger;
  const target = word === undefined ? ({ kind: 'folder', dir } as const) : logTarget(word, invocation.context.clock);
  const { tenant } = options;
  if (target.kind === 'folder' && tenant !== undefined)
    return await verifyOneTenant(invocation, options, target.dir, tenant);
  if (target.kind === 'folder') return await verifyFolder(invocation, options, target.dir);
  if (target.kind === 'receipt') return verifyReceipt(invocation, options, target.text);
  if (target.kind === 'tenant') return verifyTenant(invocation, requiredPolicy(options), target.text, tenant);
  return await verifySource(invocation, options, target.source);
}

async function verifyFolder(invocation: Invocation, options: VerifyOptions, dir: string): Promise<void> {
  const policy = givenPolicy(options);
  const publicKey = policy?.logs.find(({ key }) => key.kind === 'ed25519')?.key;
  if (policy && !publicKey) throw new KinError('usage.invalid', 'the policy has no Ed25519 key of a log');
  if (options.since !== undefined) throw new KinError('usage.invalid', '--since is for logs elsewhere');
  const key = publicKey === undefined ? {} : { publicKey: formatVkey(publicKey) };
  const proof = verifyLedger(dir, { ...key, clock: invocation.context.clock });
  const verdict = await invocation.waiting('the proof', proof);
  invocation.print(verdict, () => renderVerdict(verdict, publicKey !== undefined, invocation.paint));
  if (verdict.kind === 'tampered') {
    throw new KinError('ledger.tampered', `${verdict.file}: ${verdict.reason}`, { details: { file: verdict.file } });
  }
  if (policy?.quorum !== undefined && !readWitnessed(dir, policy)) throw unwitnessed([]);
}

async function verifySource(invocation: Invocation, options: VerifyOptions, source: LogSource): Promise<void> {
  const policy = requiredPolicy(options);
  const previous = options.since === undefined ? {} : { previous: earlierHead(options.since, policy) };
  try {
    const record = new RecordCheck();
    const prunings = new Map<number, number>();
    const own: TenantCount | undefined = options.tenant === undefined ? undefined : new TenantCount(options.tenant);
    const onEntry = (entry: Uint8Array, index: number) => {
      const fault = record.add(entry, leafHash(entry), index);
      if (fault !== undefined) throw new LogFault('mismatch', 'tile/entries', fault, index);
      own?.add(entry);
      const first = prunedFirst(entry);
      if (first !== undefined) prunings.set(minimumIndex(first), index);
    };
    const log = await invocation.waiting('the proof', verifyLog({ source, policy, onEntry, ...previous }));
    const verdict = logVerdict(log, prunings.get(log.minimumIndex));
    if (own) {
      const ownVerdict = own.verdict(log);
      invocation.print(ownVerdict, () => renderTenant(ownVerdict, invocation.paint));
    } else invocation.print(verdict, () => renderLog(verdict, invocation.paint));
    if (log.kind === 'unwitnessed') throw unwitnessed(log.seen);
  } catch (error) {
    const fault = faultOfLog(error);
    if (fault instanceof KinError && fault.code === 'ledger.tampered') {
      const verdict = { kind: 'tampered', ...fault.details } as LogVerdict;
      invocation.print(verdict, () => renderLog(verdict, invocation.paint));
    }
    throw fault;
  }
}

/** `prunedBy` is the entry that announces that the first entries went: without it nobody was allowed to drop them. */
function logVerdict({ kind, checkpoint, log, seen, minimumIndex: before }: VerifiedLog, prunedBy?: number): LogVerdict {
  if (before > 0 && prunedBy === undefined) {
    throw new LogFault('missing', MINIMUM_INDEX_PATH, `entries before ${before} are missing, and no entry says why`, 0);
  }
  const pruned = prunedBy === undefined ? {} : { pruned: { before, by: prunedBy } };
  const { origin, size, root } = checkpoint;
  const head = { origin, size, root: root.toString('base64'), vkey: formatVkey(log.key) };
  return { kind: kind === 'accepted' ? 'intact' : 'unwitnessed', ...head, witnesses: witnessesOf(seen), ...pruned };
}

function witnessesOf(seen: readonly Sighting[]): WitnessedAt[] {
  return seen.map(({ witness, timeS }) => ({ name: witness.name, at: toIso(timeS * 1000) }));
}

function unwitnessed(seen: readonly Sighting[]): KinError {
  const names = seen.map(({ witness }) => witness.name).join(', ');
  return new KinError('ledger.unwitnessed', `seen by ${names === '' ? 'none of the witnesses of the policy' : names}`);
}

/** What was signed at some time before; whether enough witnesses saw it then is not asked. */
function earlierHead(path: string, policy: Policy) {
  const verdict = judgeCheckpoint(readFile(path).toString('utf8'), policy);
  if (verdict.kind !== 'rejected') return verdict.checkpoint;
  throw new KinError('request.invalid', `${path} is not a checkpoint of this log: ${verdict.reason}`);
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new KinError('resource.unknown', `cannot read ${path}`, { cause, details: { path } });
  }
}

/** The record of one tenant, as `ledger record` writes it, out of the folder of a ledger. */
async function verifyOneTenant(
  invocation: Invocation,
  options: VerifyOptions,
  dir: string,
  tenant: string,
): Promise<void> {
  if (options.since !== undefined) throw new KinError('usage.invalid', '--since is for logs elsewhere');
  const { clock } = invocation.context;
  const lines: string[] = [];
  const collect = async () => {
    for await (const line of tenantRecord(dir, tenant, { clock, payloads: true })) lines.push(line);
  };
  await invocation.waiting('the proof', collect());
  const policy = givenPolicy(options) ?? policyOfKey(folderKeys(dir, undefined)[0]);
  verifyTenant(invocation, policy, lines.join(''));
}

/** What a tenant has of its own record is enough: nobody else's is needed. */
function verifyTenant(invocation: Invocation, policy: Policy, text: string, tenant?: string): void {
  const verdict = verifyTenantRecord(text, policy);
  if (tenant !== undefined && verdict.kind !== 'tampered' && verdict.tenant !== tenant) {
    throw new KinError('request.invalid', `the record is of ${verdict.tenant}, not of ${tenant}`);
  }
  invocation.print(verdict, () => renderTenant(verdict, invocation.paint));
  if (verdict.kind !== 'tampered') {
    if (verdict.kind === 'unwitnessed') throw unwitnessed(verdict.seen);
    return;
  }
  const { reason, index } = verdict;
  throw new KinError('ledger.tampered', index === undefined ? reason : `entry ${index}: ${reason}`, {
    details: { reason, ...(index === undefined ? {} : { index }) },
  });
}

function verifyReceipt(invocation: Invocation, options: VerifyOptions, text: string): void {
  if (options.tenant !== undefined) throw new KinError('usage.invalid', '--tenant is not for receipts');
  const policy = requiredPolicy(options);
  const proof = parseProof(text);
  if (!proof) throw new KinError('receipt.invalid', 'the receipt has not the form of C2SP tlog-proof');
  const entry = options.entry === undefined ? proof.extra : readFile(options.entry);
  if (!entry) throw new KinError('usage.invalid', 'the receipt carries no entry: give its bytes with --entry');
  const proven = verifyProof(proof, leafHash(entry), policy);
  if (proven.kind === 'rejected') throw new KinError('receipt.invalid', proven.reason);
  const { origin, size } = proven.checkpoint;
  const head = { index: proven.index, origin, size, witnesses: witnessesOf(proven.seen) };
  const verdict: ReceiptVerdict = { kind: proven.kind, ...head, entry: entry.toString('utf8') };
  invocation.print(verdict, () => renderReceipt(verdict, invocation.paint));
  if (proven.kind === 'unwitnessed') throw unwitnessed(proven.seen);
}
