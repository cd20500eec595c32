import { strictEqual } from 'node:assert';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom, systemRandom } from '../../src/base/random.ts';
import { listSegments } from '../../src/ledger/segment-file.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { ClinicLoad } from './clinic-load.ts';
import { kintsugi } from './program.ts';
import { Stack } from './stack.ts';

const TEST_MS = 240_000;
const SAMPLES = 60;

let stack: Stack;
let vkey: string;
let copy: string;
/** A bundle of evidence of a tenant, made while the stack ran. */
let bundle: string;
/** What the running gate said of the moves of the example. */
let asked: string;

beforeAll(async () => {
  stack = await Stack.create();
  copy = mkdtempSync(join(tmpdir(), 'kin-l-'));
  await stack.up();
  const load = await ClinicLoad.start(stack);
  const { out } = await stack.cli('ledger', 'key');
  vkey = out.trim();
  await load.stop();
  asked = (await stack.cli('gate', '-f', join(import.meta.dirname, '../../examples/clinic/moves.yaml'), '--json')).out;
  bundle = join(mkdtempSync(join(tmpdir(), 'kin-b-')), 'evidence');
  const report = await stack.cli('report', '--tenant', 'clinic-de', '--framework', 'gdpr', '-o', bundle);
  strictEqual(report.code, 0, report.err);
  strictEqual(await stack.stop(), 0);
  cpSync(stack.state.ledger, copy, { recursive: true });
}, 240_000);

afterAll(async () => {
  rmSync(copy, { recursive: true, force: true });
  if (bundle) rmSync(dirname(bundle), { recursive: true, force: true });
  await stack.close();
}, 150_000);

/** Where each entry stands in the one segment that so few of them fill. */
async function entrySpans(): Promise<readonly { readonly start: number; readonly length: number }[]> {
  const bytes = readFileSync(segment());
  return (await stack.entries()).map((event) => {
    const text = JSON.stringify(event);
    return { start: bytes.indexOf(text), length: Buffer.byteLength(text) };
  });
}

function segment(): string {
  return join(copy, listSegments(copy)[0]!.name);
}

/** Changes one bit of the copy while `look` looks. */
async function whileChanged<T>(at: number, look: () => Promise<T>): Promise<T> {
  const sound = readFileSync(segment());
  const changed = Buffer.from(sound);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  writeFileSync(segment(), changed);
  try {
    return await look();
  } finally {
    writeFileSync(segment(), sound);
  }
}

test('the ledger of a stopped stack is whole and completely signed', async () => {
  const { code, out } = await stack.cli('ledger', 'verify', '--public-key', vkey, '--json');
  expect(code).toBe(0);
  const entries = await stack.entries();
  expect(JSON.parse(out)).toMatchObject({ kind: 'intact', size: entries.length, unsigned: 0, tornBytes: 0, vkey });
  expect(entries.filter(({ type }) => type === 'request.served').length).toBeGreaterThan(10);
  expect((await kintsugi('ledger', 'verify', '--dir', copy)).code).toBe(0);
});

test(
  'one changed bit in any entry is found',
  async () => {
    const spans = await entrySpans();
    expect(spans.every(({ start }) => start > 0)).toBe(true);
    const seed = Math.floor(systemRandom.next() * 2 ** 32);
    const random = seededRandom(seed);
    for (let sample = 0; sample < SAMPLES; sample++) {
      const index = Math.floor(random.next() * spans.length);
      const { start, length } = spans[index]!;
      const at = start + Math.floor(random.next() * length);
      const verdict = await whileChanged(at, () => verifyLedger(copy));
      expect(verdict.kind, `seed ${seed}, entry ${index}, byte ${at}`).toBe('tampered');
    }
  },
  TEST_MS,
);

test(
  'the command ends with 2 and names the file when the first or the last entry was changed',
  async () => {
    const spans = await entrySpans();
    for (const { start } of [spans[0]!, spans.at(-1)!]) {
      const { code, err } = await whileChanged(start + 1, () => kintsugi('ledger', 'verify', '--dir', copy, '--json'));
      expect(code).toBe(2);
      expect(JSON.parse(err)).toMatchObject({ code: 'ledger.tampered', exit: 2 });
      expect(err).toContain('.segment');
    }
    expect((await kintsugi('ledger', 'verify', '--dir', copy)).code).toBe(0);
  },
  TEST_MS,
);

test('the gate that runs says of a move for whom it is lawful', () => {
  const { answers } = JSON.parse(asked) as { answers: { permitted: string[]; held: string[] }[] };
  expect(answers[0]).toMatchObject({ kind: 'deny', permitted: ['hospital-us'], held: ['clinic-de', 'shop'] });
});

test('evidence that was taken away is sound without the stack, and is not when a result in it was changed', async () => {
  const verify = () => kintsugi('evidence', 'verify', bundle, '--public-key', vkey, '--json');
  const { code, out } = await verify();
  expect(code, out).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ kind: 'sound', tenant: 'clinic-de', framework: 'gdpr', isCompared: true });
  const dossier = join(bundle, 'dossier.json');
  const text = readFileSync(dossier, 'utf8');
  expect(text).not.toContain('hospital-us');
  writeFileSync(dossier, text.replace('"status": "', '"status": "not '));
  expect(await verify()).toMatchObject({ code: 2 });
});
