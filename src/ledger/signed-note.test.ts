import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { emptyRoot } from './merkle-tree.ts';
import { formatVkey, noteKey, openNote, parseVkey, signNote } from './signed-note.ts';
import { createSigningKey, KEY_FILE, readSigningKey, VKEY_FILE } from './signing-key.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const key = noteKey('example.com/log', createPublicKey(privateKey));
const stranger = generateKeyPairSync('ed25519').privateKey;
const strangerKey = noteKey('example.com/other', createPublicKey(stranger));

describe('a signed note', () => {
  it('of another implementation (Go sumdb/note) opens', () => {
    const known = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    const note =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    expect(known && openNote(note, [known])).toMatchObject({ kind: 'signed', signers: ['PeterNeumann'] });
  });

  it('opens after signing, also with empty lines in its text and with a stranger beside the known key', () => {
    const note = signNote('one\n\ntwo\n', key, privateKey);
    const both = note + signNote('one\n\ntwo\n', strangerKey, stranger).split('\n\n').at(-1);
    expect(openNote(note, [key])).toEqual({ kind: 'signed', text: 'one\n\ntwo\n', signers: ['example.com/log'] });
    expect(openNote(both, [key]).kind).toBe('signed');
    expect(openNote(both, []).kind).toBe('rejected');
  });

  it('is rejected when a known key does not hold, whoever else signed', () => {
    const forged = signNote('text\n', key, stranger);
    const both = signNote('text\n', strangerKey, stranger) + forged.split('\n\n').at(-1);
    expect(openNote(both, [key, strangerKey]).kind).toBe('rejected');
  });

  it('is rejected when any byte of it is another', () => {
    const note = Buffer.from(signNote('origin\n12\nroot\n', key, privateKey));
    for (let at = 0; at < note.length; at += 1) {
      for (const bit of [1, 4, 32]) {
        const changed = Buffer.from(note);
        changed[at]! ^= bit;
        expect(openNote(changed.toString('utf8'), [key])).toMatchObject({ kind: 'rejected' });
      }
    }
  });

  it('never makes the parser throw', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => openNote(`${text}\n\n— ${text}\n`, [key]).kind === 'rejected',
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => parseVkey(text) === undefined));
  });
});

describe('a vkey', () => {
  it('comes back as the same key', () => {
    const parsed = parseVkey(formatVkey(key));
    expect(parsed?.id).toBe(key.id);
    expect(parsed?.publicKey.equals(key.publicKey)).toBe(true);
  });

  it('with another key id is none', () => {
    expect(parseVkey(formatVkey(key).replace(`+${key.id}+`, '+00000000+'))).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  const checkpoint: Checkpoint = { origin: 'a/b', size: 7, root: emptyRoot(), at: '2026-01-02T03:04:05.678Z' };

  it('comes back from its text', () => {
    expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
  });

  it('in any other form is none', () => {
    const text = formatCheckpoint(checkpoint);
    const others = [
      text.replace('\n7\n', '\n07\n'),
      text.replace('\n7\n', '\n-7\n'),
      text.replace('\n7\n', '\n9007199254740992\n'),
      text.replace('=', ''),
      text.replaceAll('\n', '\r\n'),
      text.slice(0, -1),
      `${text}more\n`,
      text.replace('at 2026', 'at 2O26'),
      '',
    ];
    expect(others.filter((other) => parseCheckpoint(other) !== undefined)).toEqual([]);
  });
});

describe('the signing key', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kin-key-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('is readable by its owner only and comes back', () => {
    const created = createSigningKey(dir);
    expect(statSync(join(dir, KEY_FILE)).mode & 0o777).toBe(0o600);
    expect(readSigningKey(dir)?.vkey).toBe(created.vkey);
    expect(readFileSync(join(dir, VKEY_FILE), 'utf8')).toBe(`${created.vkey}\n`);
  });

  it('with any other byte is not the same key', () => {
    const { vkey } = createSigningKey(dir);
    const pem = readFileSync(join(dir, KEY_FILE));
    for (let at = 0; at < pem.length; at += 1) {
      const changed = Buffer.from(pem);
      changed[at]! ^= 1;
      writeFileSync(join(dir, KEY_FILE), changed);
      expect(readSigningKey(dir)?.vkey).not.toBe(vkey);
    }
  });
});
