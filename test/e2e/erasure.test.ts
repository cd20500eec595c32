import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCOUNTS } from '../../examples/clinic/traffic/accounts.ts';
import { clusterFolder } from '../../src/store/cluster.ts';
import { until } from './program.ts';
import { Stack } from './stack.ts';

const PATIENT = 'patient-xq-77413';
const NURSE = 'nurse-vk-20931';
const AGENT = 'Ward-Browser/58.3117';
const TEST_MS = 240_000;

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
}, TEST_MS);
afterAll(() => stack.close(), TEST_MS);

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
