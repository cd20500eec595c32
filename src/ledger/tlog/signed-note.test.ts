import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { emptyRoot } from './merkle-tree.ts';
import { formatVkey, hasMlDsa, noteKey, parseVkey, timeKeyOf } from './note-key.ts';
import { keepSignatures, type NoteSigner, openNote, signatureLine, signNote, textOfNote } from './signed-note.ts';

const TIME_S = 1_800_000_000;

function signerOf(name: string, kind: 'ed25519' | 'cosignature' | 'ml-dsa-44' = 'ed25519'): NoteSigner {
  const { privateKey } = kind === 'ml-dsa-44' ? generateKeyPairSync('ml-dsa-44') : generateKeyPairSync('ed25519');
  return { key: noteKey(name, createPublicKey(privateKey), kind), privateKey };
}

const signer = signerOf('example.com/log');
const { key } = signer;
const stranger = signerOf('example.com/other');
const write = (text: string, ...signers: NoteSigner[]) => signNote(text, signers, TIME_S);
/** What claims to be of `claimed` and was made by another key. */
const forgery = (text: string, claimed: NoteSigner) =>
  signatureLine(text, { key: claimed.key, privateKey: stranger.privateKey }, TIME_S);

describe('a signed note', () => {
  it('of another implementation (Go sumdb/note) opens', () => {
    const known = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    const note =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const opened = known && openNote(note, [known]);
    expect(opened).toMatchObject({ kind: 'signed', signatures: [{ key: { name: 'PeterNeumann' } }] });
  });

  it('opens after signing, also with empty lines in its text and with a stranger beside the known key', () => {
    const opened = openNote(write('one\n\ntwo\n', signer), [key]);
    expect(opened).toEqual({ kind: 'signed', text: 'one\n\ntwo\n', signatures: [{ key }] });
    const both = write('one\n\ntwo\n', signer, stranger);
    expect(openNote(both, [key]).kind).toBe('signed');
    expect(openNote(both, []).kind).toBe('rejected');
  });

  it('is rejected when a known key does not hold, whoever else signed', () => {
    const both = write('text\n', stranger) + forgery('text\n', signer);
    expect(openNote(both, [stranger.key]).kind).toBe('signed');
    expect(openNote(both, [key, stranger.key]).kind).toBe('rejected');
  });

  it('counts a key once, however often it signed', () => {
    const note = write('text\n', signer, signer, signer);
    expect(openNote(note, [key])).toMatchObject({ signatures: [{ key }] });
    expect(keepSignatures(note, [key])).toBe(write('text\n', signer));
  });

  it('has 16 signatures and more, and an end', () => {
    const many = (count: number) => write('text\n', ...Array.from({ length: count }, () => stranger), signer);
    expect(openNote(many(40), [key]).kind).toBe('signed');
    expect(openNote(many(64), [key]).kind).toBe('rejected');
  });

  it('is rejected when any byte of it is another', () => {
    const note = Buffer.from(write('origin\n12\nroot\n', signer));
    for (let at = 0; at < note.length; at += 1) {
      for (const bit of [1, 4, 32]) {
        const changed = Buffer.from(note);
        changed[at]! ^= bit;
        expect(openNote(changed.toString('utf8'), [key])).toMatchObject({ kind: 'rejected' });
      }
    }
  });

  it('in any other form is rejected', () => {
    const note = write('text\n', signer);
    const line = note.slice(note.indexOf('—'));
    const forms = {
      'CR LF': note.replaceAll('\n', '\r\n'),
      'no newline at the end': note.slice(0, -1),
      'a newline too many': `${note}\n`,
      'a hyphen for the dash': note.replace('—', '-'),
      'two spaces': note.replace('— ', '—  '),
      'base64 without its end': note.replace(/=*\n$/, '\n').replace(/.\n$/, '\n'),
      'a tab in the text': `te\txt\n\n${line}`,
      'no empty line': `text\n${line}`,
      'a line that is none': `${note}and more\n`,
      'a lone surrogate': `\ud800${note}`,
    };
    for (const [form, changed] of Object.entries(forms)) {
      expect(openNote(changed, [key]), form).toMatchObject({ kind: 'rejected' });
    }
  });

  it('never makes the parser throw', () => {
    const line = fc.tuple(fc.string({ unit: 'binary' }), fc.base64String());
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(line), (text, lines) => {
        const note = `${text}\n\n${lines.map(([name, blob]) => `— ${name} ${blob}\n`).join('')}`;
        expect(openNote(note, [key]).kind).toBe('rejected');
        textOfNote(note);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => parseVkey(text) === undefined));
    fc.assert(fc.property(fc.base64String(), (text) => parseVkey(`name+00000000+${text}`) === undefined));
  });
});

describe('a vkey', () => {
  const kinds = hasMlDsa() ? (['ed25519', 'cosignature', 'ml-dsa-44'] as const) : (['ed25519', 'cosignature'] as const);

  it.each(kinds)('of %s comes back as the same key', (kind) => {
    const { key } = signerOf('example.com/log', kind);
    const parsed = parseVkey(formatVkey(key));
    expect(parsed).toMatchObject({ id: key.id, kind });
    expect(parsed?.publicKey.equals(key.publicKey)).toBe(true);
  });

  it('of the same key under another kind has another id', () => {
    expect(timeKeyOf(key).id).not.toBe(key.id);
    expect(timeKeyOf(key).publicKey.equals(key.publicKey)).toBe(true);
  });

  it('with another key id, another name or an unknown type is none', () => {
    const vkey = formatVkey(key);
    expect(parseVkey(vkey.replace(`+${key.id}+`, '+00000000+'))).toBeUndefined();
    expect(parseVkey(vkey.replace('example', 'examqle'))).toBeUndefined();
    expect(parseVkey(vkey.replace('example.com', 'example com'))).toBeUndefined();
    expect(parseVkey('example.com/log+f2d43bf4+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==')).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  const checkpoint: Checkpoint = { origin: 'a/b', size: 7, root: emptyRoot(), extensions: [] };
  const text = formatCheckpoint(checkpoint);

  it('comes back from its text, also with the lines that others add', () => {
    expect(text).toBe('a/b\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n');
    expect(parseCheckpoint(text)).toEqual(checkpoint);
    expect(parseCheckpoint(`${text}one\ntwo\n`)).toEqual({ ...checkpoint, extensions: ['one', 'two'] });
  });

  it('in any other form is none', () => {
    const others = [
      text.replace('\n7\n', '\n07\n'),
      text.replace('\n7\n', '\n-7\n'),
      text.replace('\n7\n', '\n+7\n'),
      text.replace('\n7\n', '\n7 \n'),
      text.replace('\n7\n', '\n9007199254740992\n'),
      text.replace('\n7\n', '\n18446744073709551616\n'),
      text.replace('=', ''),
      text.replace('=', '=='),
      text.replace('47DE', '47D'),
      text.replaceAll('\n', '\r\n'),
      text.slice(0, -1),
      text.slice(4),
      `${text}\n`,
      `${text}one\n\ntwo\n`,
      '\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
      '',
    ];
    expect(others.filter((other) => parseCheckpoint(other) !== undefined)).toEqual([]);
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => void parseCheckpoint(`${a}\n${b}\n`)));
  });
});

describe('a cosignature', () => {
  // The example of C2SP tlog-cosignature: the bytes that are signed are those that the page shows.
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

  it.skipIf(!hasMlDsa())('says when, by Ed25519 and by ML-DSA-44', () => {
    const witnesses = [signerOf('witness.example/w1', 'cosignature'), signerOf('witness.example/w1', 'ml-dsa-44')];
    const note = write(text, signer, ...witnesses);
    const opened = openNote(
      note,
      witnesses.map((one) => one.key),
    );
    expect(opened).toMatchObject({ kind: 'signed', signatures: [{ timeS: TIME_S }, { timeS: TIME_S }] });
  });

  it('of another time, another text or another key is rejected', () => {
    const witness = signerOf('witness.example/w1', 'cosignature');
    const note = write(text, signer, witness);
    const late = signatureLine(text, witness, TIME_S + 1);
    const blob = (line: string) => Buffer.from(line.trim().split(' ')[2]!, 'base64');
    const mixed = Buffer.concat([blob(late).subarray(0, 12), blob(signatureLine(text, witness, TIME_S)).subarray(12)]);
    const forms = [
      `${write(text, signer)}— ${witness.key.name} ${mixed.toString('base64')}\n`,
      note.replace('\n20852163\n', '\n20852164\n'),
      write(text, signer) + forgery(text, witness),
    ];
    for (const form of forms) expect(openNote(form, [witness.key])).toMatchObject({ kind: 'rejected' });
  });

  it.skipIf(!hasMlDsa())('by ML-DSA-44 is for checkpoints only', () => {
    expect(() => write('no checkpoint\n', signerOf('witness.example/w1', 'ml-dsa-44'))).toThrow(TypeError);
  });
});
