import { existsSync } from 'node:fs';
import { KinError } from '../base/errors.ts';
import { openSnapshot } from '../ledger/snapshot.ts';
import type { LogSource } from '../ledger/tlog/log-source.ts';
import { type Policy, policyOfKey } from '../ledger/tlog/policy.ts';
import type { Invocation } from './invocation.ts';
import { logTarget } from './log-target.ts';

/** A log to read from, and whom it is believed by when nobody else is named. */
export interface LogOrigin {
  readonly source: LogSource;
  readonly policy?: Policy;
}

export interface FromOptions {
  readonly from?: string;
}

export const FROM = ['--from <log>', 'a ledger elsewhere: its folder, a URL, a socket or an export'] as const;

/** What `--from` points at; without it the own ledger. Rejects with `resource.unknown` or what reading it says. */
export async function originOf({ state, context }: Invocation, from: string | undefined): Promise<LogOrigin> {
  const target = from === undefined ? ({ kind: 'folder', dir: state.ledger } as const) : logTarget(from, context.clock);
  if (target.kind === 'receipt' || target.kind === 'tenant') {
    throw new KinError('usage.invalid', 'neither a receipt nor the record of a tenant is a log');
  }
  if (target.kind === 'log') return { source: target.source };
  const { dir } = target;
  if (!existsSync(dir))
    throw new KinError('resource.unknown', `there is no ledger in ${dir}`, { details: { path: dir } });
  const { source, keys } = await openSnapshot(dir, { clock: context.clock });
  return { source, policy: policyOfKey(keys[0]) };
}
