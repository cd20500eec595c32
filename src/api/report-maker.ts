import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeError, KinError } from '../base/errors.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import { readBundle } from '../evidence/bundle-folder.ts';

/** A ledger of months is read from end to end. */
const MAKING_MS = 10 * 60_000;

export interface ReportQuestion {
  readonly tenant: string;
  readonly framework: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly by: string;
}

const run = promisify(execFile);
let making: Promise<unknown> = Promise.resolve();

/**
 * Makes a bundle of evidence for somebody who cannot reach the ledger: in a process of its own, since it reads all of the
 * ledger and this process has to look after the fleet; one after the other. Resolves with the files, each in base64.
 * Rejects with `request.invalid` and what the process said.
 */
export function makeReport(state: StateDirectory, question: ReportQuestion): Promise<Record<string, string>> {
  const made = making.then(
    () => makeNow(state, question),
    () => makeNow(state, question),
  );
  making = made;
  return made;
}

async function makeNow(state: StateDirectory, question: ReportQuestion): Promise<Record<string, string>> {
  const { tenant, framework, from, to, by } = question;
  const folder = mkdtempSync(join(tmpdir(), 'kintsugi-report-'));
  const out = join(folder, 'bundle');
  const args = [
    'report',
    '--state',
    state.root,
    '--tenant',
    tenant,
    '--framework',
    framework,
    '--out',
    out,
    '--by',
    by,
  ];
  const period = [...(from === undefined ? [] : ['--from', from]), ...(to === undefined ? [] : ['--to', to])];
  const { KINTSUGI_TOKEN: _token, ...env } = process.env;
  try {
    await run(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args, ...period], {
      env,
      timeout: MAKING_MS,
    });
    return Object.fromEntries(
      [...readBundle(out)].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]),
    );
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() || describeError(cause);
    throw new KinError('request.invalid', `the report was not made: ${said}`, { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
