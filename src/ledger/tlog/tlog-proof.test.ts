import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  naiveLeaf,
  newSigner,
  publicFiles,
  signedHead,
  sourceOf,
  textEntries,
} from '../../../test/conformance/tlog/log-in-memory.ts';
import { formatVkey } from './note-key.ts';
import { parsePolicy, policyOfKey } from './policy.ts';
import { TileTree } from './tile-tree.ts';
import { formatProof, parseProof, type TlogProof, verifyProof } from './tlog-proof.ts';

const log = newSigner('example.com/log');
const witness = newSigner('witness.example/w', 'cosignature');
const policy = policyOfKey(log.key);
const entries = textEntries(300);
const tree = new TileTree(sourceOf(publicFiles(entries, log)), 300);

async function proofOf(index: number): Promise<TlogProof> {
  const path = await tree.inclusionProof(index);
  return { index, path, checkpoint: signedHead(entries, log), extra: entries[index]! };
}

const proof = await proofOf(7);
const leaf = naiveLeaf(entries[7]!);

describe('a receipt', () => {
  it('of every entry is proven, and comes back from its text', async () => {
    for (let index = 0; index < 300; index += 13) {
      const one = await proofOf(index);
      const parsed = parseProof(formatProof(one))!;
      expect(parsed).toEqual(one);
      const verdict = verifyProof(parsed, naiveLeaf(entries[index]!), policy);
      expect(verdict).toMatchObject({ kind: 'proven', index, checkpoint: { size: 300 } });
    }
  });

  it('has the text of the specification', () => {
    const { path, checkpoint, index } = proof;
    const text = formatProof({ path, checkpoint, index });
    const split = text.indexOf('\n\n');
    const [head, rest] = [text.slice(0, split), text.slice(split + 2)];
    expect(head.split('\n').slice(0, 2)).toEqual(['c2sp.org/tlog-proof@v1', 'index 7']);
    expect(head.split('\n')).toHaveLength(2 + 9);
    expect(rest).toBe(checkpoint);
    expect(formatProof(proof).split('\n')[1]).toBe(`extra ${entries[7]!.toString('base64')}`);
  });

  it('needs the witnesses of the policy', () => {
    const text = `log ${formatVkey(log.key)}\nwitness W ${formatVkey(witness.key)}\nquorum W\n`;
    const parsed = parsePolicy(Buffer.from(text));
    if (parsed.kind === 'invalid') throw new Error(parsed.reason);
    expect(verifyProof(proof, leaf, parsed.policy).kind).toBe('unwitnessed');
    const checkpoint = signedHead(entries, log, witness);
    expect(verifyProof({ ...proof, checkpoint }, leaf, parsed.policy).kind).toBe('proven');
  });
});

describe('a hostile receipt', () => {
  it('that says anything else of an entry proves nothing', () => {
    const { path } = proof;
    const lies: readonly TlogProof[] = [
      { ...proof, index: 8 },
      { ...proof, index: 6 },
      { ...proof, index: 7 + 256 },
      { ...proof, index: 300 },
      { ...proof, index: 2 ** 53 - 1 },
      { ...proof, path: path.toReversed() },
      { ...proof, path: path.slice(1) },
      { ...proof, path: path.slice(0, -1) },
      { ...proof, path: [...path, path[0]!] },
      { ...proof, path: [] },
      { ...proof, path: path.with(0, Buffer.alloc(32)) },
      { ...proof, checkpoint: signedHead(entries.slice(0, 299), log) },
      { ...proof, checkpoint: signedHead(entries, newSigner('example.com/log')) },
      { ...proof, checkpoint: '' },
    ];
    for (const lie of lies) expect(verifyProof(lie, leaf, policy).kind).toBe('rejected');
    expect(verifyProof(proof, naiveLeaf(Buffer.from('another')), policy).kind).toBe('rejected');
    expect(verifyProof(proof, Buffer.alloc(0), policy).kind).toBe('rejected');
  });

  it('whose node poses as an entry proves nothing', async () => {
    // Without the prefixes of RFC 6962 the two hashes of a node would be an entry of their own.
    const posing = Buffer.concat([proof.path[0]!, leaf]);
    const shorter = { ...proof, index: 3, path: proof.path.slice(1) };
    expect(verifyProof(shorter, naiveLeaf(posing), policy).kind).toBe('rejected');
  });

  it('in any other form is none', () => {
    const text = formatProof(proof);
    const others = [
      text.replace('@v1', '@v2'),
      text.replace('index 7', 'index 07'),
      text.replace('index 7', 'index -7'),
      text.replace('index 7', 'index 9007199254740992'),
      text.replace('index 7', 'Index 7'),
      text.replace('index 7\n', ''),
      text.replace('extra ', 'extra  '),
      text.replace(/extra .*\n/, (line) => line + line),
      text.replace('index 7\n', 'index 7\nAAAA\n'),
      text.replaceAll('\n', '\r\n'),
      text.replace('index 7\n', `index 7\n${`${'A'.repeat(43)}=\n`.repeat(64)}`),
      text.slice(0, text.indexOf('\n\n')),
      ` ${text}`,
      '',
    ];
    expect(others.filter((other) => parseProof(other))).toEqual([]);
    fc.assert(fc.property(fc.string(), (rest) => void parseProof(`c2sp.org/tlog-proof@v1\n${rest}\n\n${rest}`)));
  });

  it('changed in any byte is none, or proves nothing else than before', () => {
    const text = Buffer.from(formatProof(proof));
    for (let at = 0; at < text.length; at += 1) {
      const changed = Buffer.from(text);
      changed[at]! ^= 1;
      const parsed = parseProof(changed.toString('utf8'));
      if (!parsed) continue;
      const verdict = verifyProof(parsed, naiveLeaf(parsed.extra ?? Buffer.alloc(0)), policy);
      expect(verdict.kind, `byte ${at}`).toBe('rejected');
    }
  });
});
