import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newSigner, signedHead, textEntries } from '../../../test/conformance/tlog/log-in-memory.ts';
import { formatVkey, hasMlDsa, noteKey, timeKeyOf } from './note-key.ts';
import { judgeCheckpoint, type Policy, parsePolicy } from './policy.ts';
import { signatureLine, signNote, textOfNote } from './signed-note.ts';

const log = newSigner('example.com/log');
const witnesses = Array.from({ length: 6 }, (_, n) => newSigner(`witness.example/${n}`, 'cosignature'));
const LOG = `log ${formatVkey(log.key)}`;
const WITNESSES = witnesses.map(({ key }, n) => `witness W${n} ${formatVkey(key)}`).join('\n');
const parse = (text: string) => parsePolicy(Buffer.from(text));

function policyOf(text: string): Policy {
  const parsed = parse(text);
  if (parsed.kind === 'invalid') throw new Error(`${parsed.line}: ${parsed.reason}`);
  return parsed.policy;
}

const faultOf = (text: string) => {
  const parsed = parse(text);
  return parsed.kind === 'invalid' ? parsed.line : undefined;
};

const entries = textEntries(5);
const seenBy = (...numbers: number[]) => signedHead(entries, log, ...numbers.map((n) => witnesses[n]!));

describe('a policy file', () => {
  it('of the form of the specification is read, with comments, blanks and addresses', () => {
    const text = `# who is trusted\n\n \t${LOG}\thttps://log.example/\n${WITNESSES}\n  # groups\ngroup X 2 W0 W1 W2\ngroup Y any W3 W4 W5\ngroup X-and-Y all X Y\nquorum X-and-Y\n`;
    const policy = policyOf(text);
    expect(policy.logs).toMatchObject([{ key: { id: log.key.id }, url: 'https://log.example/' }]);
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['W0', 'W1', 'W2', 'W3', 'W4', 'W5']);
    const verdict = (...numbers: number[]) => judgeCheckpoint(seenBy(...numbers), policy).kind;
    expect(verdict(0, 1, 3)).toBe('accepted');
    expect(verdict(0, 1, 2, 3, 4, 5)).toBe('accepted');
    expect(verdict(0, 1, 2)).toBe('unwitnessed');
    expect(verdict(0, 3, 4, 5)).toBe('unwitnessed');
    expect(verdict()).toBe('unwitnessed');
  });

  it('without witnesses needs none', () => {
    const policy = policyOf(`${LOG}\nquorum none`);
    expect(judgeCheckpoint(seenBy(), policy)).toMatchObject({ kind: 'accepted', seen: [], checkpoint: { size: 5 } });
  });

  it('says in which line it is wrong', () => {
    const vkey = formatVkey(log.key);
    const time = formatVkey(timeKeyOf(log.key));
    const twice = formatVkey(noteKey('another.name', witnesses[0]!.key.publicKey, 'cosignature'));
    const faults: readonly [line: number, text: string][] = [
      [1, ''],
      [2, `${LOG}\n`],
      [1, 'trust me'],
      [1, 'log'],
      [1, `log ${vkey} url more`],
      [1, `log ${time}\nquorum none`],
      [1, `log ${vkey.replace('example', 'examqle')}`],
      [2, `${LOG}\nlog ${vkey}\nquorum none`],
      [1, `witness none ${formatVkey(witnesses[0]!.key)}\nquorum none`],
      [1, `witness W ${vkey}\nquorum none`],
      [2, `witness W ${formatVkey(witnesses[0]!.key)}\nwitness V ${twice}\nquorum none`],
      [7, `${WITNESSES}\nwitness W0 ${formatVkey(newSigner('w', 'cosignature').key)}\nquorum none`],
      [7, `${WITNESSES}\ngroup G 0 W0\nquorum G`],
      [7, `${WITNESSES}\ngroup G 3 W0 W1\nquorum G`],
      [7, `${WITNESSES}\ngroup G 01 W0 W1\nquorum G`],
      [7, `${WITNESSES}\ngroup G some W0\nquorum G`],
      [7, `${WITNESSES}\ngroup G all\nquorum G`],
      [7, `${WITNESSES}\ngroup G all W0 none\nquorum G`],
      [7, `${WITNESSES}\ngroup G all W0 W0\nquorum G`],
      [7, `${WITNESSES}\ngroup G all G\nquorum G`],
      [7, `${WITNESSES}\ngroup W0 all W1\nquorum W0`],
      [8, `${WITNESSES}\ngroup G any W0\ngroup H all W0 W1\nquorum H`],
      [7, `${WITNESSES}\nquorum W9`],
      [7, `${WITNESSES}\nquorum W0 W1`],
      [8, `${WITNESSES}\nquorum W0\nquorum none`],
      [1, 'quorum none\r'],
      [1, 'quorum\u00a0none'],
      [1, '# a bell \u0007\nquorum none'],
    ];
    for (const [line, text] of faults) expect(faultOf(text), text.slice(-60)).toBe(line);
  });

  it('is octets: names are compared by their bytes, and a key name may be any UTF-8', () => {
    const kelvin = newSigner('witness.example/K', 'cosignature');
    const text = `witness K ${formatVkey(kelvin.key)}\nquorum \u212a`;
    expect(faultOf(text)).toBe(2);
    const named = newSigner('zeuge.example/zwölf');
    const policy = policyOf(`log ${formatVkey(named.key)}\nquorum none`);
    expect(judgeCheckpoint(signedHead(entries, named), policy).kind).toBe('accepted');
    const bytes = Buffer.concat([Buffer.from('# '), Buffer.from([0x80, 0xff]), Buffer.from('\nquorum none\n')]);
    expect(parsePolicy(bytes).kind).toBe('policy');
  });

  it('of any bytes makes nothing throw, and one without end is refused', () => {
    const word = fc.oneof(
      fc.constantFrom('log', 'witness', 'group', 'quorum', 'none', 'all', 'any', '1', '#', LOG.slice(4), '\t'),
      fc.string(),
    );
    const line = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
    fc.assert(fc.property(fc.array(line), (lines) => void parse(lines.join('\n'))));
    expect(parsePolicy(Buffer.alloc(2 * 1024 * 1024, '\n')).kind).toBe('invalid');
  });
});

describe('the quorum', () => {
  it('holds for exactly those sets of witnesses that its groups ask for', () => {
    const all = witnesses.map((_, n) => n);
    fc.assert(
      fc.property(fc.subarray(all), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), (seen, j, k) => {
        const groups = `group A ${j} W0 W1 W2\ngroup B ${k} W3 W4 W5\ngroup C any A B\nquorum C\n`;
        const few = (from: number) => seen.filter((n) => n >= from && n < from + 3).length;
        const verdict = judgeCheckpoint(seenBy(...seen), policyOf(`${LOG}\n${WITNESSES}\n${groups}`));
        expect(verdict.kind).toBe(few(0) >= j || few(3) >= k ? 'accepted' : 'unwitnessed');
      }),
      { numRuns: 40 },
    );
  });

  it('counts a witness once, whatever it signed how often, and tells when', () => {
    const policy = policyOf(`${LOG}\n${WITNESSES}\ngroup G 2 W0 W1\nquorum G\n`);
    const verdict = judgeCheckpoint(seenBy(0, 0, 0), policy);
    expect(verdict).toMatchObject({ kind: 'unwitnessed', seen: [{ witness: { name: 'W0' }, timeS: 1_800_000_000 }] });
  });

  it.skipIf(!hasMlDsa())('takes witnesses and logs that sign by ML-DSA-44', () => {
    const [log, witness] = [newSigner('pq.example/log', 'ml-dsa-44'), newSigner('pq.example/w', 'ml-dsa-44')];
    const policy = policyOf(`log ${formatVkey(log.key)}\nwitness W ${formatVkey(witness.key)}\nquorum W`);
    expect(judgeCheckpoint(signedHead(entries, log, witness), policy).kind).toBe('accepted');
    expect(judgeCheckpoint(signedHead(entries, log), policy).kind).toBe('unwitnessed');
  });
});

describe('a hostile checkpoint', () => {
  const policy = policyOf(`${LOG}\n${WITNESSES}\nquorum W0\n`);
  const note = seenBy(0);
  const text = textOfNote(note)!;
  const kindOf = (hostile: string) => judgeCheckpoint(hostile, policy).kind;

  it('that no trusted log signed is rejected, whoever witnessed it', () => {
    expect(kindOf(signNote(text, [witnesses[0]!], 0))).toBe('rejected');
    expect(kindOf(signNote(text, [newSigner('example.com/log'), witnesses[0]!], 0))).toBe('rejected');
  });

  it('of another origin than the key is rejected, also when that is the name of another trusted log', () => {
    const other = newSigner('example.com/other');
    const both = policyOf(`${LOG}\nlog ${formatVkey(other.key)}\nquorum none`);
    const stolen = text.replace('example.com/log', 'example.com/other');
    expect(judgeCheckpoint(signNote(stolen, [log], 0), both).kind).toBe('rejected');
    expect(judgeCheckpoint(signNote(stolen, [other], 0), both).kind).toBe('accepted');
  });

  it('with a known signature that does not hold is rejected, beside unknown ones that are passed over', () => {
    const stranger = newSigner('stranger.example', 'cosignature');
    expect(kindOf(note + signatureLine(text, stranger, 0))).toBe('accepted');
    const forged = signatureLine(text, { key: witnesses[1]!.key, privateKey: stranger.privateKey }, 0);
    expect(kindOf(note + forged)).toBe('rejected');
    expect(kindOf(note + signatureLine(text, stranger, 0) + forged)).toBe('rejected');
  });

  it('whose text is no checkpoint is rejected', () => {
    for (const hostile of ['hello\n', text.replace('\n5\n', '\n9007199254740992\n'), text.replace('\n5\n', '\n05\n')]) {
      expect(kindOf(signNote(hostile, [log], 0))).toBe('rejected');
    }
  });
});
