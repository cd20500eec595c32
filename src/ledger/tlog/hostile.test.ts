import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  naiveLeaf,
  naiveRoot,
  newSigner,
  publicFiles,
  signedHead,
  sourceOf,
  textEntries,
} from '../../../test/conformance/tlog/log-in-memory.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { verifyCosignature } from './cosignature.ts';
import { decodeBundle } from './entry-bundle.ts';
import { LogFault } from './log-source.ts';
import { verifyLog } from './log-verifier.ts';
import { verifyConsistency, verifyInclusion } from './merkle-proof.ts';
import { formatVkey, parseVkey } from './note-key.ts';
import { judgeCheckpoint, parsePolicy, policyOfKey } from './policy.ts';
import { keepSignatures, openNote, signNote, textOfNote } from './signed-note.ts';
import { parseTilePath } from './tile.ts';
import { TileTree } from './tile-tree.ts';
import { formatProof, parseProof, verifyProof } from './tlog-proof.ts';
import { Witness } from './witness.ts';
import { formatAddCheckpoint, parseAddCheckpoint } from './witness-request.ts';

const log = newSigner('example.com/log');
const witnessSigner = newSigner('witness.example/w', 'cosignature');
const policy = policyOfKey(log.key);
const entries = textEntries(300);
const leaves = entries.map(naiveLeaf);
const root = naiveRoot(leaves);
const head = signedHead(entries, log, witnessSigner);
const files = publicFiles(entries, log);
const tree = new TileTree(sourceOf(files), 300);
const path = await tree.inclusionProof(7);
const growth = await tree.consistencyProof(200);

const GOOD = {
  note: head,
  proof: formatProof({ index: 7, path, checkpoint: head, extra: entries[7]! }),
  request: formatAddCheckpoint({ oldSize: 200, proof: growth, note: head }),
  policy: `log ${formatVkey(log.key)}\nwitness W ${formatVkey(witnessSigner.key)}\ngroup G all W\nquorum G\n`,
  vkey: formatVkey(log.key),
  tile: 'tile/0/x001/x234/067.p/8',
};

/** What parsers trip over. */
const TOKENS = [
  '\n',
  '\n\n',
  '\r\n',
  '\u0000',
  ' ',
  '— ',
  '+',
  '=',
  '-1',
  '01',
  '1e3',
  '9007199254740993',
  '\ud800',
  '\ufeff',
];

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  cut: fc.oneof(fc.constant(0), fc.constant(1), fc.nat({ max: 40 })),
  put: fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 4 }), fc.constant('')),
});

/** Good texts after some edits, and any texts. */
function texts(good: string): fc.Arbitrary<string> {
  const edited = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
    edits.reduce((text, { at, cut, put }) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + put + text.slice(place + cut);
    }, good),
  );
  return fc.oneof(
    { weight: 4, arbitrary: edited },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  );
}

const SOME = { numRuns: 500 };

describe('no text makes a parser throw, and none but the good one is believed', () => {
  it('notes and checkpoints', () => {
    const keys = [log.key, witnessSigner.key];
    fc.assert(
      fc.property(texts(GOOD.note), (note) => {
        parseCheckpoint(note);
        const opened = openNote(note, keys);
        if (opened.kind === 'signed') {
          expect(opened.text).toBe(textOfNote(head));
          expect(openNote(keepSignatures(note, keys), keys).kind).toBe('signed');
        }
        const verdict = judgeCheckpoint(note, policy);
        if (verdict.kind !== 'rejected') expect(verdict.checkpoint.root).toEqual(root);
      }),
      SOME,
    );
  });

  it('receipts', () => {
    fc.assert(
      fc.property(texts(GOOD.proof), fc.integer({ min: 0, max: 299 }), (text, index) => {
        const proof = parseProof(text);
        if (!proof) return;
        const verdict = verifyProof(proof, leaves[index]!, policy);
        if (verdict.kind !== 'rejected') expect([verdict.index, index]).toEqual([7, 7]);
      }),
      SOME,
    );
  });

  it('requests to a witness, which never signs a tree that it was not shown to continue', () => {
    fc.assert(
      fc.property(texts(GOOD.request), (body) => {
        const seen = signNote(textOfNote(signedHead(entries.slice(0, 200), log))!, [witnessSigner], 0);
        const saved: string[] = [];
        const memory = { load: () => seen, save: (_: string, note: string) => void saved.push(note) };
        const witness = new Witness({ signers: [witnessSigner], logs: [log.key], memory, nowS: () => 0 });
        parseAddCheckpoint(body);
        const { status } = witness.addCheckpoint(body);
        expect(saved).toHaveLength(status === 200 ? 1 : 0);
        if (status === 200) expect(textOfNote(saved[0]!)).toBe(textOfNote(head));
      }),
      SOME,
    );
  });

  it('policies, keys and paths', () => {
    fc.assert(
      fc.property(texts(GOOD.policy), (text) => {
        expect(parsePolicy(Buffer.from(text)).kind).toMatch(/^policy|invalid$/);
      }),
      SOME,
    );
    fc.assert(
      fc.property(texts(GOOD.vkey), (text) => {
        const key = parseVkey(text);
        if (key) expect(formatVkey(key)).toBe(text);
      }),
      SOME,
    );
    fc.assert(
      fc.property(texts(GOOD.tile), (text) => void parseTilePath(text)),
      SOME,
    );
  });
});

describe('no bytes are believed that were not signed', () => {
  it('cosignatures and bundles of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(verifyCosignature(textOfNote(head)!, witnessSigner.key, bytes)).toBeUndefined();
        decodeBundle(bytes);
      }),
      SOME,
    );
  });

  it('proofs with hashes in another order, left out, doubled or changed, and lies about sizes', () => {
    const number = fc.oneof(
      fc.nat({ max: 400 }),
      fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY),
    );
    const hash = fc.oneof(fc.constantFrom(...path, ...growth), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(number, number, fc.array(hash, { maxLength: 12 }), (a, b, hashes) => {
        const isGood = (good: readonly Buffer[]) =>
          good.length === hashes.length && good.every((one, at) => one.equals(hashes[at]!));
        const isIn = verifyInclusion({ leaf: leaves[7]!, index: a, size: b, path: hashes, root });
        expect(isIn && !(a === 7 && isGood(path))).toBe(false);
        const oldRoot = naiveRoot(leaves.slice(0, 200));
        const isGrown = verifyConsistency({ oldSize: a, oldRoot, newSize: b, newRoot: root, path: hashes });
        expect(isGrown && !isGood(growth)).toBe(false);
      }),
      SOME,
    );
  });

  it('logs of which files are edited, swapped or gone: a verdict on the signed tree or a fault', async () => {
    const paths = [...files.keys()];
    const bytes = fc.oneof(
      fc.constant(undefined),
      fc.uint8Array({ maxLength: 100 }).map((any) => Buffer.from(any)),
      fc.constantFrom(...paths).map((other) => files.get(other)),
      fc.tuple(fc.constantFrom(...paths), edit).map(([other, { at, cut, put }]) => {
        const good = files.get(other)!;
        const place = at % (good.length + 1);
        return Buffer.concat([good.subarray(0, place), Buffer.from(put), good.subarray(place + cut)]);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), bytes, async (name, content) => {
        const hostile = new Map(files);
        if (content) hostile.set(name, content);
        else hostile.delete(name);
        const found = await verifyLog({ source: sourceOf(hostile), policy }).catch((error: unknown) => error);
        if (found instanceof LogFault) return;
        expect(found).toMatchObject({ kind: 'accepted', checkpoint: { size: 300, root } });
      }),
      { numRuns: 300 },
    );
  });

  it('a log whose own key signs an impossible size is left at the first file that is missing', async () => {
    for (const size of [301, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const note = signNote(`example.com/log\n${size}\n${root.toString('base64')}\n`, [log], 0);
      const source = sourceOf(new Map([...files, ['checkpoint', Buffer.from(note)]]));
      await expect(verifyLog({ source, policy })).rejects.toBeInstanceOf(LogFault);
    }
  });
});
