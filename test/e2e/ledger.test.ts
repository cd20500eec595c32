/** The record of a whole stack: what it proves while the stack runs, what is erased of it, and what is seen when it is changed. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNTS } from '../../examples/clinic/traffic/accounts.ts';
import { seededRandom, systemRandom } from '../../src/base/random.ts';
import { listSegments } from '../../src/ledger/segment-file.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { clusterFolder } from '../../src/store/cluster.ts';
import { ClinicLoad } from './clinic-load.ts';
import { kintsugi, ROOT, until } from './program.ts';
import { Stack } from './stack.ts';

const TEST_MS = 240_000;
const SAMPLES = 60;
const PATIENT = 'patient-xq-77413';
const NURSE = 'nurse-vk-20931';
const AGENT = 'Ward-Browser/58.3117';

let stack: Stack;
let vkey: string;
/** Of what an auditor takes away. */
let away: string;

beforeAll(async () => {
  away = mkdtempSync(join(tmpdir(), 'kin-l-'));
  stack = await Stack.create();
  await stack.up();
  vkey = (await stack.cli('ledger', 'key')).out.trim();
}, TEST_MS);

afterAll(async () => {
  rmSync(away, { recursive: true, force: true });
  await stack.close();
}, TEST_MS);

const bundle = () => join(away, 'evidence');
const copy = () => join(away, 'ledger');

/** Every file below, the application's own data left aside: those are the application's to erase. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
    .filter((path) => !path.startsWith(join(stack.state.root, 'data')));
}

function filesThatName(texts: readonly string[]): readonly string[] {
  // The embedded PostgreSQL of the control process may lie elsewhere, its write-ahead log too.
  const folders = [...new Set([stack.state.root, clusterFolder(stack.state.postgres)])];
  return folders.flatMap(filesBelow).flatMap((path) => {
    const bytes = readFileSync(path);
    return texts.filter((text) => bytes.includes(text)).map((text) => `${text} in ${path}`);
  });
}

async function servedEntries(): Promise<number> {
  return (await stack.entries()).filter(({ type, tenant }) => type === 'request.served' && tenant === 'clinic-de')
    .length;
}

test(
  'a person who was erased is in no file of a running stack but in the database of the application',
  async () => {
    const account = ACCOUNTS.find(({ tenant }) => tenant === 'clinic-de')!;
    const token = `x.${Buffer.from(JSON.stringify({ sub: NURSE })).toString('base64url')}.y`;
    const headers = {
      'x-api-key': account.apiKey,
      'user-agent': AGENT,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    };
    const draft = { patientRef: PATIENT, kind: 'note', body: { text: 'seen' } };
    const created = await fetch(`${stack.gateway}/records`, { method: 'POST', headers, body: JSON.stringify(draft) });
    expect(created.status).toBe(201);
    expect(created.headers.get('x-kintsugi-subject')).toBeNull();
    const { id } = (await created.json()) as { id: string };
    expect((await fetch(`${stack.gateway}/records/${id}`, { headers })).status).toBe(200);
    await until('both are on record', async () => (await servedEntries()) >= 2);
    const entries = (await stack.entries()).filter(({ tenant }) => tenant === 'clinic-de');
    const roles = entries.flatMap((entry) => ('pd' in entry ? (entry.pd as { r: string }[]).map(({ r }) => r) : []));
    expect(roles.filter((role) => role === 'subject')).toHaveLength(2);

    const index = (await stack.entries()).findIndex((entry) => {
      return entry.type === 'request.served' && entry.tenant === 'clinic-de' && 'pd' in entry;
    });
    const revealed = await stack.cli('subject', 'reveal', String(index), '--reason', 'a test', '--by', 'eve');
    expect(revealed.out).toContain(PATIENT);
    expect(revealed.out).toContain(NURSE);
    expect(revealed.out).toContain(AGENT);
    for (const person of [PATIENT, `sub:${NURSE}`]) {
      const args = ['clinic-de', person, '--basis', 'GDPR Art. 17(1)(b)', '--by', 'anna', '--json'];
      const asked = await stack.cli('subject', 'erase', ...args);
      const { id } = JSON.parse(asked.out) as { id: string };
      expect((await stack.cli('subject', 'approve', id, '--by', 'anna')).code).toBe(75);
      const approved = await stack.cli('subject', 'approve', id, '--by', 'ben');
      expect(approved.out).toContain('is done');
    }
    expect(filesThatName([PATIENT, NURSE, AGENT])).toEqual([]);
    const again = await stack.cli('subject', 'reveal', String(index), '--reason', 'a test', '--by', 'eve');
    expect(again.out).toMatch(/actor {2}erased\nsubject {2}erased/);
    const verified = await stack.cli('ledger', 'verify');
    expect(verified.code).toBe(0);
    expect(verified.out).toMatch(/^intact, lawfully erased at entries \d+, \d+\n/);
  },
  TEST_MS,
);

test('the gate that runs says of a move for whom it is lawful', async () => {
  const moves = join(ROOT, 'examples', 'clinic', 'moves.yaml');
  const { answers } = JSON.parse((await stack.cli('gate', '-f', moves, '--json')).out) as {
    answers: { permitted: string[]; held: string[] }[];
  };
  expect(answers[0]).toMatchObject({ kind: 'deny', permitted: ['hospital-us'], held: ['clinic-de', 'shop'] });
});

describe('once it was stopped', () => {
  beforeAll(async () => {
    const load = await ClinicLoad.start(stack);
    await load.stop();
    const report = await stack.cli('report', '--tenant', 'clinic-de', '--framework', 'gdpr', '-o', bundle());
    if (report.code !== 0) throw new Error(`no report was made: ${report.err}`);
    const code = await stack.stop();
    if (code !== 0) throw new Error(`the stack ended with ${code}`);
    cpSync(stack.state.ledger, copy(), { recursive: true });
  }, TEST_MS);

  test('the ledger of a stopped stack is whole and completely signed', async () => {
    const { code, out } = await stack.cli('ledger', 'verify', '--public-key', vkey, '--json');
    expect(code).toBe(0);
    const entries = await stack.entries();
    expect(JSON.parse(out)).toMatchObject({ kind: 'intact', size: entries.length, unsigned: 0, tornBytes: 0, vkey });
    expect(entries.filter(({ type }) => type === 'request.served').length).toBeGreaterThan(10);
    expect((await kintsugi('ledger', 'verify', '--dir', copy())).code).toBe(0);
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
        const verdict = await whileChanged(at, () => verifyLedger(copy()));
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
        const { code, err } = await whileChanged(start + 1, () =>
          kintsugi('ledger', 'verify', '--dir', copy(), '--json'),
        );
        expect(code).toBe(2);
        expect(JSON.parse(err)).toMatchObject({ code: 'ledger.tampered', exit: 2 });
        expect(err).toContain('.segment');
      }
      expect((await kintsugi('ledger', 'verify', '--dir', copy())).code).toBe(0);
    },
    TEST_MS,
  );

  test('evidence that was taken away is sound without the stack, and is not when a result in it was changed', async () => {
    const verify = () => kintsugi('evidence', 'verify', bundle(), '--public-key', vkey, '--json');
    const { code, out } = await verify();
    expect(code, out).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: 'sound', tenant: 'clinic-de', framework: 'gdpr', isCompared: true });
    const dossier = join(bundle(), 'dossier.json');
    const text = readFileSync(dossier, 'utf8');
    expect(text).not.toContain('hospital-us');
    writeFileSync(dossier, text.replace('"status": "', '"status": "not '));
    expect(await verify()).toMatchObject({ code: 2 });
  });
});

/** Where each entry stands in the one segment that so few of them fill. */
async function entrySpans(): Promise<readonly { readonly start: number; readonly length: number }[]> {
  const bytes = readFileSync(segment());
  return (await stack.entries()).map((event) => {
    const text = JSON.stringify(event);
    return { start: bytes.indexOf(text), length: Buffer.byteLength(text) };
  });
}

function segment(): string {
  return join(copy(), listSegments(copy())[0]!.name);
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
