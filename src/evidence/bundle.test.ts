import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSigner, publicFiles, sourceOf } from '../../test/conformance/tlog/log-in-memory.ts';
import { receiptOf } from '../ledger/receipt.ts';
import { policyOfKey } from '../ledger/tlog/policy.ts';
import { type BundleFiles, contentFiles, manifestOf, OUTSIDE, RECEIPT_FILE, sha256, sign } from './bundle.ts';
import { MADE, verifyBundle } from './bundle-verifier.ts';
import type { Dossier } from './dossier.ts';
import { entriesOf } from './dossier-tally.ts';
import { openEvidenceKey } from './dsse.ts';
import { SAMPLE } from './sample-dossier.ts';

const log = newSigner(SAMPLE.ledger);
const policy = policyOfKey(log.key);
const transcript = Buffer.from('{"handshake":"TLSv1.3"}');
const digest = `sha256:${sha256(transcript)}`;
const dossier: Dossier = JSON.parse(JSON.stringify(SAMPLE).replaceAll(`sha256:${'ab'.repeat(32)}`, digest)) as Dossier;
const IDS = [...entriesOf(SAMPLE)];

let folder: string;
let sound: BundleFiles;

/** A ledger with these entries, and the receipt of each. */
async function receiptsOf(entries: readonly object[]): Promise<string[]> {
  const source = sourceOf(
    publicFiles(
      entries.map((entry) => Buffer.from(JSON.stringify(entry))),
      log,
    ),
  );
  return Promise.all(entries.map(async (_, index) => (await receiptOf(source, index))!.text));
}

async function made(of: Dossier, keyFolder: string): Promise<BundleFiles> {
  const key = openEvidenceKey(keyFolder);
  const first = await receiptsOf(IDS.map((id) => ({ id })));
  const receipts = new Map(IDS.map((id, index) => [id, first[index]!]));
  const files = await contentFiles({
    dossier: of,
    profile: { name: 'gdpr' },
    transcripts: new Map([[digest, transcript]]),
    receipts,
  });
  const manifest = manifestOf(of, files);
  sign(files, manifest, key);
  const entry = { id: 'evt_made', type: MADE, data: { manifest: sha256(manifest), key: key.id } };
  files.set(RECEIPT_FILE, Buffer.from((await receiptsOf([...IDS.map((id) => ({ id })), entry])).at(-1)!));
  return files;
}

/** What an operator with all keys can do: sign it once more, and put it on record. */
async function resigned(content: BundleFiles, of: Dossier): Promise<BundleFiles> {
  const files = new Map([...content].filter(([path]) => !OUTSIDE.has(path)));
  const manifest = manifestOf(of, files);
  const key = openEvidenceKey(folder);
  sign(files, manifest, key);
  const entry = { id: 'evt_made', type: MADE, data: { manifest: sha256(manifest), key: key.id } };
  return files.set(RECEIPT_FILE, Buffer.from((await receiptsOf([entry]))[0]!));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kin-evidence-'));
  sound = await made(dossier, folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a bundle as it was made is sound', async () => {
  const verdict = await verifyBundle(sound, policy, SAMPLE.madeBy);
  expect(verdict).toMatchObject({ kind: 'sound', receipts: IDS.length, files: sound.size, isCompared: true });
});

test('a bundle of another version is checked but for what only that version can make again', async () => {
  expect(await verifyBundle(sound, policy, 'kintsugi 9.9.9')).toMatchObject({ kind: 'sound', isCompared: false });
});

test('one changed byte in any file is found', async () => {
  for (const path of sound.keys()) {
    for (const share of [0, 0.5, 0.98, 1]) {
      const bytes = Buffer.from(sound.get(path)!);
      bytes[Math.floor((bytes.length - 1) * share)]! ^= 1;
      const verdict = await verifyBundle(new Map(sound).set(path, bytes), policy, SAMPLE.madeBy);
      expect(verdict.kind, `${path} at ${share}`).toBe('tampered');
    }
  }
});

test('each single changed byte of what vouches for the rest is found', async () => {
  for (const path of ['manifest.dsse.json', 'evidence-key.pem', 'manifest.tlog-proof']) {
    const whole = sound.get(path)!;
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << (at % 8);
      const verdict = await verifyBundle(new Map(sound).set(path, bytes), policy, SAMPLE.madeBy);
      expect(verdict.kind, `${path} at ${at}`).toBe('tampered');
    }
  }
});

test('two files that changed places, and one that was cut short, are found', async () => {
  const paths = [...sound.keys()];
  for (const [index, path] of paths.entries()) {
    const other = paths[(index + 1) % paths.length]!;
    const swapped = new Map(sound).set(path, sound.get(other)!).set(other, sound.get(path)!);
    expect((await verifyBundle(swapped, policy, SAMPLE.madeBy)).kind, `${path} and ${other}`).toBe('tampered');
    for (const length of [0, sound.get(path)!.length - 1]) {
      const cut = new Map(sound).set(path, sound.get(path)!.subarray(0, length));
      expect((await verifyBundle(cut, policy, SAMPLE.madeBy)).kind, `${path} cut to ${length}`).toBe('tampered');
    }
  }
});

test('a path that leads out of the bundle leads nowhere, though it was signed so', async () => {
  const outside = '../../etc/hostname';
  const text = Buffer.from(sound.get('assessment-results.json')!).toString();
  const files = new Map(sound).set('assessment-results.json', Buffer.from(text.replaceAll('profile.json', outside)));
  const verdict = await verifyBundle(await resigned(files, dossier), policy, 'kintsugi 9.9.9');
  expect(verdict).toMatchObject({ kind: 'tampered', reason: `names ${outside}, which is not there` });
});

test('a dossier of no shape at all is refused and breaks nothing, though it was signed so', async () => {
  for (const shape of [{ version: 3 }, { ...dossier, controls: null }, { ...dossier, controls: [{}] }]) {
    const files = new Map(sound).set('dossier.json', Buffer.from(JSON.stringify(shape)));
    const verdict = await verifyBundle(await resigned(files, dossier), policy, SAMPLE.madeBy);
    expect(verdict.kind, JSON.stringify(shape).slice(0, 40)).toBe('tampered');
  }
});

test('a file that was taken away or added is named', async () => {
  for (const path of sound.keys()) {
    const files = new Map(sound);
    files.delete(path);
    expect(await verifyBundle(files, policy, SAMPLE.madeBy)).toMatchObject({ kind: 'tampered' });
  }
  const added = new Map(sound).set('evidence/more.json', Buffer.from('{}'));
  expect(await verifyBundle(added, policy, SAMPLE.madeBy)).toMatchObject({
    kind: 'tampered',
    file: 'evidence/more.json',
  });
});

test('a violation left out is found, though everything was made and signed again with the key of the operator', async () => {
  const controls = dossier.controls.map((each) => ({ ...each, status: 'satisfied' as const, spans: [] }));
  const forged = await made({ ...dossier, controls }, folder);
  forged.set(RECEIPT_FILE, sound.get(RECEIPT_FILE)!);
  expect(await verifyBundle(forged, policy, SAMPLE.madeBy)).toMatchObject({ kind: 'tampered', file: 'manifest.json' });
});

test('a page that says something else than the dossier is found, though it was signed so', async () => {
  const page = Buffer.from(sound.get('report.html')!).toString().replaceAll('not satisfied', 'satisfied');
  const files = await resigned(new Map(sound).set('report.html', Buffer.from(page)), dossier);
  expect(await verifyBundle(files, policy, SAMPLE.madeBy)).toMatchObject({ kind: 'tampered', file: 'report.html' });
});

test('a bundle of another ledger, and one that another key signed, are not believed', async () => {
  expect(await verifyBundle(sound, policyOfKey(newSigner(SAMPLE.ledger).key), SAMPLE.madeBy)).toMatchObject({
    kind: 'tampered',
  });
  const other = mkdtempSync(join(tmpdir(), 'kin-evidence-'));
  const files = await made(dossier, other);
  files.set(RECEIPT_FILE, sound.get(RECEIPT_FILE)!);
  expect(await verifyBundle(files, policy, SAMPLE.madeBy)).toMatchObject({
    kind: 'tampered',
    file: 'evidence-key.pem',
  });
  rmSync(other, { recursive: true });
});
