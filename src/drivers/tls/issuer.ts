import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromIso, toIso } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { Redacted } from '../../base/redacted.ts';
import type { RenewableCertificate } from '../../resources/tls.ts';
import { createRequest, signCertificate } from './issue.ts';

const CHAIN_CHARS_MAX = 65_536;
/** Clients of today look for names in the extension alone (RFC 9525, 2). */
const NEVER_SUBJECT = { subject: 'never' } as const;
/** All that a program of the operator gets of this process's environment: no secret of ours is in it. */
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ'] as const;

export interface IssueOrder {
  /** Data directory that the files of an authority lie in. */
  readonly folder: string;
  readonly renew: RenewableCertificate['renew'];
  readonly names: readonly string[];
  readonly key: Redacted<string>;
  /** Names the renewal: a program finds it in KINTSUGI_KEY, and may be asked again under the same. */
  readonly orderKey: string;
  /** Asked again once there is an answer: a program that signs takes its time. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * The chain that the issuer gives, in PEM. The private key is shown to nobody. Throws `certificate.not-issued` when there
 * is none, or when it is for another key or other names, or is not valid now.
 */
export async function issueChain(order: IssueOrder): Promise<string> {
  const { folder, renew, names, key, now } = order;
  const chain = renew.authority
    ? await signCertificate(key, readAuthority(folder, renew.authority), { names, days: renew.days, now: now() })
    : await askProgram(order, await createRequest(key, names));
  const fault = faultOf(chain, order);
  if (fault === undefined) return chain;
  throw new KinError('certificate.not-issued', `what the issuer gave is not taken: ${fault}`);
}

/** What is on record of a certificate. None of it is secret. */
export function describeCertificate(chain: string): JsonObject {
  const { serialNumber, subject, subjectAltName, issuer, validFrom, validTo, fingerprint256 } = new X509Certificate(
    chain,
  );
  return {
    serial: serialNumber.toLowerCase(),
    subject: oneLine(subject),
    names: subjectAltName ?? '',
    issuer: oneLine(issuer),
    validFrom: toIso(fromIso(validFrom)),
    validTo: toIso(fromIso(validTo)),
    sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

function oneLine(name: string): string {
  return name.trim().replaceAll('\n', ', ');
}

function readAuthority(folder: string, { file, keyFile }: { readonly file: string; readonly keyFile: string }) {
  try {
    const certificate = readFileSync(join(folder, file), 'utf8');
    return { certificate, key: new Redacted(readFileSync(join(folder, keyFile), 'utf8')) };
  } catch (cause) {
    throw new KinError('certificate.not-issued', `the authority ${file} with ${keyFile} cannot be read`, { cause });
  }
}

function faultOf(chain: string, { key, names, now }: IssueOrder): string | undefined {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chain);
  } catch {
    return 'it is no certificate in PEM';
  }
  if (!leaf.checkPrivateKey(createPrivateKey(key.reveal()))) return 'it is for another key';
  const missing = names.filter(
    (name) => (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name, NEVER_SUBJECT)) === undefined,
  );
  if (missing.length > 0) return `it is not for ${missing.join(', ')}`;
  if (fromIso(leaf.validFrom) > now()) return `it is not valid before ${leaf.validFrom}`;
  return fromIso(leaf.validTo) <= now() ? `it ended ${leaf.validTo}` : undefined;
}

/** Its group ends with it, and at the deadline. What it says on its standard error goes nowhere: it may hold anything. */
async function askProgram({ renew, orderKey, signal }: IssueOrder, request: string): Promise<string> {
  const [program = '', ...args] = renew.command ?? [];
  const env: Record<string, string> = { KINTSUGI_KEY: orderKey };
  for (const name of ENVIRONMENT) if (process.env[name] !== undefined) env[name] = process.env[name];
  const child = spawn(program, args, { cwd: '/', env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  let chain = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    if (chain.length < CHAIN_CHARS_MAX) chain += text;
  });
  child.stdin.on('error', () => undefined).end(request);
  const end = await new Promise<number | string>((resolve, reject) => {
    const stop = () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', (cause) => reject(new KinError('certificate.not-issued', `cannot run ${program}`, { cause })));
    child.once('close', (code, by) => {
      signal.removeEventListener('abort', stop);
      resolve(code ?? by ?? 'unknown');
    });
  });
  signal.throwIfAborted();
  if (end !== 0) throw new KinError('certificate.not-issued', `${program} ended with ${end}`);
  return chain;
}
