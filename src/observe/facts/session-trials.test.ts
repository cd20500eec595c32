import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom, systemRandom } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import { sessionTrialSchema } from '../../resources/session-trial.ts';
import type { SessionPlace } from './session-calls.ts';
import { sessionTrials } from './session-trials.ts';

const MINUTE = 60_000;
const signal = new AbortController().signal;

/** Real time with spans that are skipped, for the API and for who tries it. */
let skippedMs: number;
let jumpedMs: number;
const clock: Clock = {
  ...systemClock,
  now: () => systemClock.now() + skippedMs + jumpedMs,
  monotonicMs: () => systemClock.monotonicMs() + skippedMs,
  sleep: async () => undefined,
};

interface Account {
  password: string;
  former: string[];
  wrong: number;
  lockedUntil: number;
}

/** A small API with accounts and sessions, and what goes wrong with these. */
const FAULTS = [
  'no idle limit', 'forgets all', 'no lock', 'short lock', 'locks the caller', 'keeps sessions of leavers',
  'keeps sessions after logout', 'any token', 'forgets the tenant', 'short passwords', 'no history', 'keeps accounts', 'open',
] as const; // biome-ignore format: a list
let faults: Set<(typeof FAULTS)[number]>;
let idleMinutes: number;
let accounts: Map<string, Account>;
let sessions: Map<string, { account: string; tenant: string; usedAt: number }>;
let wrongOfAll: number;
let server: Server;
let folder: string;

beforeEach(async () => {
  [skippedMs, jumpedMs, faults, idleMinutes, wrongOfAll] = [0, 0, new Set(), 15, 0];
  [accounts, sessions, demanded] = [new Map(), new Map(), LAW];
  folder = mkdtempSync(join(tmpdir(), 'session-trials-'));
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly cookie?: string;
  readonly account?: string | undefined;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, string>;
  const tenant = String(request.headers['x-kintsugi-tenant']);
  const { status, cookie, ...json }: Reply = respond(request, tenant, body);
  if (cookie !== undefined) response.setHeader('set-cookie', `${cookie}; HttpOnly; Path=/`);
  response.writeHead(status).end(JSON.stringify(json));
}

function respond({ method, url = '', headers }: IncomingMessage, tenant: string, body: Record<string, string>) {
  const name = /^\/accounts\/(.+)$/.exec(url)?.[1];
  if (name !== undefined) return manage(`${method}`, name, `${headers.authorization}`, body['password'] ?? '');
  const token = /sid=([^;]*)/.exec(headers.cookie ?? '')?.[1] ?? headers.authorization?.replace('Bearer ', '') ?? '';
  if (url === '/login') return login(tenant, body);
  const session = sessions.get(token);
  const isLive = session && (faults.has('no idle limit') || clock.now() - session.usedAt < idleMinutes * MINUTE);
  const isOwn = faults.has('forgets the tenant') || session?.tenant === tenant;
  const isOpen = faults.has('open') || (faults.has('any token') && token !== '') || (isLive && isOwn);
  if (!isOpen) return { status: 302 };
  if (session) session.usedAt = clock.now();
  if (method === 'DELETE' && !faults.has('keeps sessions after logout')) sessions.delete(token);
  if (method === 'PUT' && session) return change(session.account, body);
  return { status: 200, account: session?.account };
}

function manage(method: string, name: string, authorization: string, password: string) {
  if (authorization !== 'Bearer directory') return { status: 403 };
  if (method === 'DELETE') {
    if (faults.has('keeps accounts')) return { status: 500 };
    if (!faults.has('keeps sessions of leavers'))
      for (const [token, { account }] of sessions) if (account === name) sessions.delete(token);
    return { status: accounts.delete(name) ? 204 : 404 };
  }
  if (isShort(password)) return { status: 422 };
  accounts.set(name, { password, former: [], wrong: 0, lockedUntil: 0 });
  return { status: 201 };
}

function isShort(password: string): boolean {
  return password.length < (faults.has('short passwords') ? 8 : 12);
}

function login(tenant: string, { account: name = '', password }: Record<string, string>) {
  const account = accounts.get(name);
  if (faults.has('locks the caller') && wrongOfAll >= 6) return { status: 429 };
  if (!account || account.lockedUntil > clock.now()) return { status: 401 };
  if (account.password !== password) {
    wrongOfAll += 1;
    account.wrong += 1;
    const lockMinutes = faults.has('short lock') ? 5 : 30;
    if (account.wrong >= 6 && !faults.has('no lock')) account.lockedUntil = clock.now() + lockMinutes * MINUTE;
    return { status: 401 };
  }
  account.wrong = 0;
  const token = systemRandom.token(32);
  sessions.set(token, { account: name, tenant, usedAt: clock.now() });
  return { status: 201, cookie: `sid=${token}`, token };
}

function change(name: string, { present, next = '' }: Record<string, string>) {
  const account = accounts.get(name);
  if (!account || account.password !== present) return { status: 401 };
  const isFormer = [account.password, ...account.former].includes(next) && !faults.has('no history');
  if (isFormer || isShort(next)) return { status: 422 };
  account.former = [account.password, ...account.former].slice(0, 3);
  account.password = next;
  return { status: 204 };
}

const recipe = {
  account: {
    create: { path: '/accounts/{account}', body: { password: '{password}' } },
    remove: { path: '/accounts/{account}' },
    secret: 'directory',
  },
  login: { path: '/login', body: { account: '{account}', password: '{password}' } },
  read: '/me',
  logout: { path: '/session' },
  password: { path: '/password', body: { present: '{password}', next: '{newPassword}' } },
};

let demanded: Partial<Record<FactName, readonly number[]>>;
const LAW: typeof demanded = {
  'auth.session.idleMinutes': [15],
  'auth.lockout.attempts': [10],
  'auth.lockout.minutes': [30],
  'auth.leavers.minutes': [0],
  'auth.password.lengthMin': [12],
  'auth.password.history': [4],
};

function collector(changed: object = {}, instance = 'staff-eu-0-a') {
  const place: SessionPlace = {
    subject: 'staff/eu',
    tenants: ['shop'],
    workload: 'staff',
    instance,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    recipe: sessionTrialSchema.parse({ ...recipe, ...changed }),
    secret: new Redacted('directory'),
  };
  const ask = (_: string, fact: FactName) => demanded[fact] ?? [];
  const file = join(folder, 'trials.json');
  const random = seededRandom(7);
  return sessionTrials({
    instances: () => [place],
    tenants: () => ['shop', 'other'],
    demanded: ask,
    file,
    clock,
    random,
  });
}

async function look(it = collector()) {
  const facts = await it.collect(signal);
  return Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

function skip(minutes: number): void {
  skippedMs += minutes * MINUTE;
}

/** From the first look until nothing of the trial is left, with the looks that the rhythm of a collector brings. */
async function wholeTrial(it = collector()) {
  let found = await look(it);
  for (let looks = 0; looks < 180 && accounts.size > 0; looks += 1) {
    skip(0.2);
    found = await look(it);
  }
  return found;
}

const GOOD = {
  'auth.probe.accepted': 0,
  'auth.session.idleMinutes': 15,
  'auth.lockout.attempts': 10,
  'auth.lockout.minutes': 30,
  'auth.leavers.minutes': 0,
  'auth.password.lengthMin': 12,
  'auth.password.history': 4,
};

test('an API as the law wants it has every number that was asked for, and nothing is left behind', async () => {
  expect((await look())['auth.session.idleMinutes']).toBe('staff/eu is being tried');
  expect(accounts.size).toBeGreaterThan(3);
  expect(await wholeTrial()).toEqual(GOOD);
  expect([accounts.size, sessions.size]).toEqual([0, 0]);
});

test('bearer tokens in the answer do as well as cookies', async () => {
  expect(await wholeTrial(collector({ token: 'token' }))).toEqual(GOOD);
});

test.each([
  ['no idle limit', { 'auth.session.idleMinutes': expect.toSatisfy((minutes) => Number(minutes) > 15) }],
  ['no lock', { 'auth.lockout.attempts': 11, 'auth.lockout.minutes': 0 }],
  ['short lock', { 'auth.lockout.minutes': expect.toSatisfy((minutes) => Number(minutes) < 30) }],
  ['keeps sessions of leavers', { 'auth.leavers.minutes': expect.toSatisfy((minutes) => Number(minutes) > 0) }],
  ['keeps sessions after logout', { 'auth.probe.accepted': 1 }],
  ['any token', { 'auth.probe.accepted': 4 }],
  ['forgets the tenant', { 'auth.probe.accepted': 1 }],
  ['short passwords', { 'auth.password.lengthMin': 8 }],
  ['no history', { 'auth.password.history': 0 }],
] as const)('%s is found, and nothing else', async (fault, bad) => {
  faults.add(fault);
  const found = await wholeTrial();
  const others = Object.keys(GOOD).filter((name) => !(name in bad)) as (keyof typeof GOOD)[];
  expect(found).toMatchObject(bad);
  const touched = fault === 'any token' ? [] : others.filter((name) => name !== 'auth.probe.accepted');
  for (const name of touched) expect(found[name]).toEqual(GOOD[name]);
  expect(accounts.size).toBe(0);
});

test('tenants that ask for different times have each of them tried, and the least that holds is told', async () => {
  demanded = { ...LAW, 'auth.session.idleMinutes': [10, 15] };
  expect((await wholeTrial())['auth.session.idleMinutes']).toBe(15);
  idleMinutes = 9;
  skip(61);
  expect((await wholeTrial())['auth.session.idleMinutes']).toBe(10);
});

test('a limit that is shorter than a minute is proven too: who is in use all along is not idle for so long', async () => {
  demanded = { 'auth.session.idleMinutes': [0.3] };
  idleMinutes = 0.3;
  const found = [];
  for (let looks = 0; looks < 5; looks += 1) {
    found.push((await look())['auth.session.idleMinutes']);
    skip(0.09);
  }
  expect(found.at(-1)).toBe(0.3);
  expect(accounts.size).toBe(0);
});

test('sessions that end for another reason than idleness, as when the API restarts, are no proof of a limit', async () => {
  await look();
  sessions.clear();
  skip(15.3);
  expect((await look())['auth.session.idleMinutes']).toMatch(/in use all along ended too/);
  expect(accounts.size).toBe(0);
});

test('an API that holds back whoever calls is not taken for one that locks accounts', async () => {
  faults.add('locks the caller');
  expect((await look())['auth.lockout.attempts']).toMatch(/could not be tried: a canary account with its own password/);
});

test('what is declared to need a session and does not can prove nothing', async () => {
  faults.add('open');
  expect((await look())['auth.probe.accepted']).toMatch(/answers without one too/);
});

test('a trial goes on where another process left it, and its file is for its owner alone', async () => {
  for (let looks = 0; looks < 151; looks += 1) {
    await look(collector());
    skip(0.2);
  }
  expect(statSync(join(folder, 'trials.json')).mode & 0o077).toBe(0);
  expect(await look(collector())).toEqual(GOOD);
});

test('when no control ran in time, nothing is known and the trial begins anew', async () => {
  await look();
  const file = readFileSync(join(folder, 'trials.json'), 'utf8');
  const [, value = ''] = /"credential":\{"header":"cookie","value":"sid=(\w+)"\},"usedAt"/.exec(file) ?? [];
  skip(40);
  sessions.get(value)!.usedAt = clock.now();
  expect((await look())['auth.session.idleMinutes']).toMatch(/looked at too late/);
  expect(accounts.size).toBe(0);
});

test('a result that is bad is tried again at once until it is good', async () => {
  await wholeTrial();
  faults.add('no lock');
  skip(61);
  for (let trials = 0; trials < 2; trials += 1) {
    expect((await wholeTrial())['auth.lockout.attempts']).toBe(11);
    await look();
    expect(accounts.size).toBeGreaterThan(0);
  }
  await wholeTrial();
  faults.clear();
  expect((await wholeTrial())['auth.lockout.attempts']).toBe(10);
  await look();
  expect(accounts.size).toBe(0);
});

test('a wall clock that is put right meanwhile ends the trial: spans are not what they seem', async () => {
  const it = collector();
  await look(it);
  jumpedMs = 20 * MINUTE;
  await look(it);
  expect((await look(it))['auth.session.idleMinutes']).toBe('staff/eu is being tried');
});

test('what was known counts on while a trial is cut off by a new instance', async () => {
  expect(await wholeTrial()).toEqual(GOOD);
  skip(61);
  await look();
  expect(accounts.size).toBeGreaterThan(3);
  expect(await look(collector({}, 'staff-eu-0-b'))).toEqual(GOOD);
  expect(accounts.size).toBe(0);
});

test('an instance that takes the place of the tried one is tried at once: it may have come with other rules', async () => {
  await wholeTrial();
  await look();
  expect(accounts.size).toBe(0);
  faults.add('no lock');
  expect((await wholeTrial(collector({}, 'staff-eu-0-b')))['auth.lockout.attempts']).toBe(11);
});

test('what came of a trial is newer than that it was being tried: the newest word is what counts', async () => {
  const it = collector();
  const newest = async () => Math.max(...(await it.collect(signal)).map(({ measuredAt }) => measuredAt));
  let before = await newest();
  while (accounts.size > 0) {
    skip(0.2);
    const now = await newest();
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
  }
  expect(Math.min(...(await it.collect(signal)).map(({ measuredAt }) => measuredAt))).toBe(before);
});

test('an account that cannot be taken away is told, and taken away later', async () => {
  faults.add('keeps accounts');
  expect((await wholeTrial())['auth.session.idleMinutes']).toMatch(/could not be taken away: 500/);
  faults.clear();
  skip(6);
  await look();
  await wholeTrial();
  expect(accounts.size).toBe(0);
});

test('with one account that is there, sessions alone are tried, and it is locked by nobody', async () => {
  accounts.set('canary', { password: 'directory', former: [], wrong: 0, lockedUntil: 0 });
  const it = collector({ account: { name: 'canary', secret: 'directory' } });
  await look(it);
  skip(14.9);
  await look(it);
  skip(0.4);
  const found = await look(it);
  expect(found).toMatchObject({ 'auth.session.idleMinutes': 15, 'auth.probe.accepted': 0 });
  expect(found['auth.lockout.attempts']).toBe('the trial does not say how accounts are made');
  expect(accounts.get('canary')?.wrong).toBe(0);
});
