import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { LedgerEvent } from '../../../src/ledger/entry.ts';
import { entryOf } from '../../../src/ledger/event-form.ts';
import { openLedgerDirectory } from '../../../src/ledger/ledger-directory.ts';
import { exportLog } from '../../../src/ledger/log-export.ts';
import { indexOfEvent, receiptOf } from '../../../src/ledger/receipt.ts';
import { openSnapshot } from '../../../src/ledger/snapshot.ts';
import { policyOfKey } from '../../../src/ledger/tlog/policy.ts';

/** Three levels of tiles, the last full one just passed, and partial tiles on each. */
const ENTRIES = 65_536 + 256 * 3 + 17;

/** Programs by other people's libraries that verify what we export. */
interface Verifier {
  readonly name: string;
  /** Why it cannot run here, or undefined when it can. */
  readonly absence: string | undefined;
  readonly command: () => readonly string[];
}

let root = '';
let exported = '';
let vkey = '';
let receipt = '';

const here = import.meta.dirname;
const GO = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };
const PYTHONS = ['python3', '/usr/bin/python3'];

const run = (command: string, args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });

const goAbsence = (): string | undefined => {
  if (run('go', ['version']).status !== 0) return 'there is no `go` on this machine (Debian: golang-go)';
  const isThere = existsSync(join(GO.GOPATH, 'src/golang.org/x/mod/sumdb/tlog'));
  return isThere ? undefined : 'golang.org/x/mod is not installed (Debian: golang-golang-x-mod-dev)';
};

const python = PYTHONS.find((command) => run(command, ['-c', 'import cryptography']).status === 0);

const verifiers: readonly Verifier[] = [
  { name: 'Go (golang.org/x/mod/sumdb)', absence: goAbsence(), command: () => [join(root, 'verify-go')] },
  {
    name: 'Python (cryptography)',
    absence: python === undefined ? 'python3 has no module cryptography (Debian: python3-cryptography)' : undefined,
    command: () => [python ?? '', join(here, 'verify.py')],
  },
];

const event = (n: number): LedgerEvent => ({
  id: `evt_${n}`,
  at: '2026-01-02T03:04:05.678Z',
  type: 'request.served',
  class: 6003,
  actor: { kind: 'tenant', name: 'clinic' },
  subject: 'Workload/records',
  data: { n, text: 'zwölf – "€"'.repeat(n % 7) },
});

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-conf-'));
  const dir = join(root, 'ledger');
  const ledger = await openLedgerDirectory(dir, { clock: systemClock });
  for (let first = 0; first < ENTRIES; first += 8192) {
    const count = Math.min(8192, ENTRIES - first);
    await ledger.sequencer.append(Array.from({ length: count }, (_, i) => entryOf(event(first + i))));
  }
  await ledger.close();
  vkey = ledger.vkey;
  const { source, keys, size } = await openSnapshot(dir, { clock: systemClock });
  exported = join(root, 'export');
  await exportLog(source, policyOfKey(keys[0]), exported);
  receipt = join(root, 'entry.tlog-proof');
  const proof = await receiptOf(source, await indexOfEvent(source, 'evt_40000', size));
  writeFileSync(receipt, proof!.text);
  if (goAbsence() === undefined) {
    const build = run('go', ['build', '-o', join(root, 'verify-go'), join(here, 'verify.go')], GO);
    if (build.status !== 0) throw new Error(build.stderr);
  }
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each(verifiers)('$name', ({ absence, command }) => {
  let copy = '';
  beforeEach(() => {
    copy = join(root, 'copy');
    rmSync(copy, { recursive: true, force: true });
  });

  const verify = (dir: string, key: string, proof = receipt) => {
    const [program = '', ...args] = command();
    const { status, stdout, stderr } = run(program, [...args, dir, key, proof]);
    return { status, stdout: stdout.trim(), stderr };
  };

  const change = (path: string, edit: (bytes: Buffer) => Buffer | undefined) => {
    cpSync(exported, copy, { recursive: true });
    const bytes = readFileSync(join(copy, path));
    writeFileSync(join(copy, path), edit(bytes) ?? bytes);
    return copy;
  };

  const flip = (at: number) => (bytes: Buffer) => {
    bytes[at]! ^= 1;
    return undefined;
  };

  test('verifies an export and a receipt', ({ skip }) => {
    skip(absence !== undefined, absence);
    expect(verify(exported, vkey)).toMatchObject({ status: 0, stdout: `verified ${ENTRIES} entries` });
  });

  test('finds another entry, another tile, another size, another key and a receipt of another entry', ({ skip }) => {
    skip(absence !== undefined, absence);
    const text = (edit: (text: string) => string) => (bytes: Buffer) => Buffer.from(edit(bytes.toString('utf8')));
    expect(verify(change('tile/entries/007', flip(100)), vkey).status).toBe(1);
    expect(verify(change('tile/0/100', flip(31)), vkey).status).toBe(1);
    expect(verify(change('tile/1/001.p/3', flip(0)), vkey).status).toBe(1);
    const smaller = text((note) => note.replace(`\n${ENTRIES}\n`, `\n${ENTRIES - 1}\n`));
    expect(verify(change('checkpoint', smaller), vkey).status).toBe(1);
    expect(verify(exported, vkey.replace(/.{4}$/, 'AAAA')).status).toBe(1);
    const other = join(root, 'other.tlog-proof');
    writeFileSync(other, readFileSync(receipt, 'utf8').replace('\nindex 40000\n', '\nindex 40001\n'));
    expect(verify(exported, vkey, other).status).toBe(1);
  });
});
