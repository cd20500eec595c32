import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  newSigner,
  publicFiles,
  signedHead,
  sourceOf,
  textEntries,
} from '../../../test/conformance/tlog/log-in-memory.ts';
import { hasMlDsa } from './note-key.ts';
import { openNote, signatureLine, signNote, textOfNote } from './signed-note.ts';
import { TileTree } from './tile-tree.ts';
import { Witness, type WitnessAnswer } from './witness.ts';
import { requestCosignature } from './witness-client.ts';
import { formatAddCheckpoint, parseAddCheckpoint } from './witness-request.ts';

const log = newSigner('example.com/log');
const signers = [
  newSigner('witness.example/w', 'cosignature'),
  ...(hasMlDsa() ? [newSigner('witness.example/w', 'ml-dsa-44')] : []),
];
const entries = textEntries(600);
const forked = entries.with(1, Buffer.from('forked'));

function newWitness() {
  const memory = new Map<string, string>();
  let timeS = 1_800_000_000;
  const witness = new Witness({
    signers,
    logs: [log.key],
    memory: { load: (origin) => memory.get(origin), save: (origin, note) => void memory.set(origin, note) },
    nowS: () => {
      timeS += 1;
      return timeS;
    },
  });
  return { witness, memory };
}

const head = (size: number, of = entries) => signedHead(of.slice(0, size), log);

async function growth(oldSize: number, size: number, of = entries): Promise<string> {
  const tree = new TileTree(sourceOf(publicFiles(of.slice(0, size), log)), size);
  return formatAddCheckpoint({ oldSize, proof: await tree.consistencyProof(oldSize), note: head(size, of) });
}

const reply = ({ status, body }: WitnessAnswer) => ({ status, body });

describe('a witness', () => {
  it('cosigns what continues the last, by all of its keys, and the same again', async () => {
    const { witness } = newWitness();
    for (const [oldSize, size] of [
      [0, 0],
      [0, 1],
      [1, 256],
      [256, 256],
      [256, 257],
      [257, 600],
      [600, 600],
    ] as const) {
      const { status, body } = witness.addCheckpoint(await growth(oldSize, size));
      expect(status, `${oldSize} to ${size}`).toBe(200);
      const opened = openNote(
        `${textOfNote(head(size))}\n${body}`,
        signers.map(({ key }) => key),
      );
      expect(opened.kind === 'signed' && opened.signatures.map(({ key }) => key)).toEqual(
        signers.map(({ key }) => key),
      );
    }
  });

  it('takes the first that it sees of a log as its beginning', async () => {
    expect(newWitness().witness.addCheckpoint(await growth(0, 600)).status).toBe(200);
  });

  it('tells the size that it saw last when the old size is another', async () => {
    const { witness } = newWitness();
    witness.addCheckpoint(await growth(0, 300));
    for (const oldSize of [0, 1, 299, 301]) {
      const answer = witness.addCheckpoint(await growth(oldSize, 400));
      expect(answer).toEqual({ status: 409, contentType: 'text/x.tlog.size', body: '300\n' });
    }
  });

  it('refuses a rollback, a fork of the same size, a fork that grew and a false proof, and remembers what it knew', async () => {
    const { witness, memory } = newWitness();
    witness.addCheckpoint(await growth(0, 300));
    const before = memory.get('example.com/log');
    expect(reply(witness.addCheckpoint(await growth(0, 200)))).toEqual({ status: 409, body: '300\n' });
    expect(witness.addCheckpoint(formatAddCheckpoint({ oldSize: 300, proof: [], note: head(200) })).status).toBe(400);
    expect(witness.addCheckpoint(await growth(300, 300, forked))).toMatchObject({ status: 409 });
    expect(witness.addCheckpoint(await growth(300, 400, forked)).status).toBe(422);
    const sound = parseAddCheckpoint(await growth(300, 400))!;
    const lies = [[], sound.proof.slice(1), sound.proof.toReversed(), [...sound.proof, Buffer.alloc(32)]];
    for (const proof of lies) expect(witness.addCheckpoint(formatAddCheckpoint({ ...sound, proof })).status).toBe(422);
    const same = parseAddCheckpoint(await growth(300, 300))!;
    expect(witness.addCheckpoint(formatAddCheckpoint({ ...same, proof: [Buffer.alloc(32)] })).status).toBe(422);
    expect(memory.get('example.com/log')).toBe(before);
    expect(witness.addCheckpoint(formatAddCheckpoint(sound)).status).toBe(200);
  });

  it('refuses a proof where there is nothing to prove from, and an empty tree with a root', async () => {
    const first = formatAddCheckpoint({ oldSize: 0, proof: [Buffer.alloc(32)], note: head(3) });
    expect(newWitness().witness.addCheckpoint(first).status).toBe(422);
    const rooted = signNote(textOfNote(head(1))!.replace('\n1\n', '\n0\n'), [log], 0);
    const empty = formatAddCheckpoint({ oldSize: 0, proof: [], note: rooted });
    expect(newWitness().witness.addCheckpoint(empty).status).toBe(409);
  });

  it('refuses logs that it does not know and notes that the log did not sign', async () => {
    const { witness } = newWitness();
    const of = (note: string) => reply(witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], note })));
    expect(of(signedHead(entries, newSigner('example.com/other'))).status).toBe(404);
    expect(of(signedHead(entries, newSigner('example.com/log'))).status).toBe(403);
    const text = textOfNote(head(3))!;
    const forged = signatureLine(text, { key: log.key, privateKey: signers[0]!.privateKey }, 0);
    expect(of(`${text}\n${forged}`).status).toBe(403);
    expect(of(head(3).replace('\n3\n', '\n4\n')).status).toBe(403);
    expect(of(head(3) + signatureLine(text, newSigner('stranger.example'), 0)).status).toBe(200);
  });

  it('keeps and shows the note with the signatures of the log and its own, and no stranger', async () => {
    const { witness, memory } = newWitness();
    const note = head(3) + signatureLine(textOfNote(head(3))!, newSigner('stranger.example'), 0);
    const { body } = witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], note }));
    expect(memory.get('example.com/log')).toBe(head(3) + body);
    const hash = createHash('sha256').update('example.com/log').digest('hex');
    expect(witness.latest(hash)).toBe(head(3) + body);
    expect(witness.latest('00'.repeat(32))).toBeUndefined();
  });

  it('does not go on from a memory that was changed', async () => {
    const { witness, memory } = newWitness();
    witness.addCheckpoint(await growth(0, 300));
    memory.set('example.com/log', memory.get('example.com/log')!.replace('\n300\n', '\n0\n'));
    const next = await growth(300, 400);
    expect(() => witness.addCheckpoint(next)).toThrow('is not what was cosigned');
    memory.set('example.com/log', head(300));
    expect(() => witness.addCheckpoint(next)).toThrow('is not what was cosigned');
  });

  it('answers 400 to whatever is malformed, and never throws', async () => {
    const { witness } = newWitness();
    const sound = await growth(0, 3);
    const forms = [
      '',
      '\n\n',
      sound.replace('old 0', 'old 00'),
      sound.replace('old 0', 'old -1'),
      sound.replace('old 0', 'old 9007199254740992'),
      sound.replace('old 0', 'Old 0'),
      sound.replace('old 0\n', ''),
      sound.replace('old 0\n', 'old 0\nAAAA\n'),
      sound.replace('old 0\n', `old 0\n${`${'A'.repeat(43)}=\n`.repeat(64)}`),
      sound.replaceAll('\n', '\r\n'),
      sound.slice(0, -1),
      sound.slice(0, sound.lastIndexOf('\n\n') + 1),
    ];
    for (const form of forms) expect(witness.addCheckpoint(form).status, JSON.stringify(form)).toBe(400);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (a, b) => {
        expect(witness.addCheckpoint(`old 0\n${a}\n\n${b}`).status).toBe(400);
      }),
    );
  });
});

describe('who asks a witness', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(answer: (body: string) => { status: number; contentType?: string; body: string | Buffer }) {
    const asked: string[] = [];
    const running = createServer(async (request, response) => {
      const body = (await request.setEncoding('utf8').toArray()).join('');
      asked.push(body.split('\n')[0]!);
      const { status, contentType = 'text/plain', body: text } = answer(body);
      response.writeHead(status, { 'content-type': contentType }).end(text);
    });
    server = running;
    await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(running.address() as AddressInfo).port}/prefix/`, asked };
  }

  const tree = new TileTree(sourceOf(publicFiles(entries, log)), 600);
  const ask = (url: string, oldSize = 0) =>
    requestCosignature({
      witness: { url },
      key: signers[0]!.key,
      note: head(600),
      size: 600,
      oldSize,
      prove: (from) => tree.consistencyProof(from),
    });

  it('gets its cosignature, after it was told the size that was seen last', async () => {
    const { witness } = newWitness();
    witness.addCheckpoint(await growth(0, 300));
    const { url, asked } = await serve((body) => witness.addCheckpoint(body));
    const answer = await ask(url);
    expect(answer).toMatchObject({ kind: 'cosigned', timeS: 1_800_000_002 });
    expect(asked).toEqual(['old 0', 'old 300']);
    const note = head(600) + (answer.kind === 'cosigned' ? answer.lines : '');
    expect(openNote(note, [signers[0]!.key]).kind).toBe('signed');
    expect(openNote(note, [signers[0]!.key])).toMatchObject({ signatures: [{ timeS: 1_800_000_002 }] });
  });

  it('hears of a conflict when the witness saw another tree', async () => {
    const { witness } = newWitness();
    witness.addCheckpoint(await growth(0, 300, forked));
    expect(await ask((await serve((body) => witness.addCheckpoint(body))).url)).toMatchObject({
      kind: 'refused',
      conflict: true,
    });
    const larger = await serve(() => ({ status: 409, contentType: 'text/x.tlog.size', body: '601\n' }));
    expect(await ask(larger.url)).toMatchObject({ kind: 'refused', conflict: true });
  });

  it('is not led astray by a hostile witness', async () => {
    const text = textOfNote(head(600))!;
    const other = newSigner('witness.example/w', 'cosignature');
    const forged = signatureLine(text, { key: signers[0]!.key, privateKey: other.privateKey }, 0);
    const lines = ['', 'hello\n', forged, signatureLine(text, other, 0), signatureLine(head(3), signers[0]!, 0)];
    for (const body of [...lines, `${signatureLine(text, signers[0]!, 0)}\nmore\n`]) {
      expect((await ask((await serve(() => ({ status: 200, body }))).url)).kind, body).toBe('refused');
    }
    const sizes = Array.from({ length: 100 }, (_, n) => n + 1);
    const fickle = await serve(() => ({ status: 409, contentType: 'text/x.tlog.size', body: `${sizes.shift()}\n` }));
    expect(await ask(fickle.url)).toMatchObject({ kind: 'unreachable' });
    for (const body of ['-1\n', '1e2\n', '9007199254740993\n', '']) {
      const answer = await serve(() => ({ status: 409, contentType: 'text/x.tlog.size', body }));
      expect(await ask(answer.url)).toMatchObject({ kind: 'refused' });
    }
    const endless = await serve(() => ({ status: 200, body: Buffer.alloc(1024 * 1024) }));
    expect(await ask(endless.url)).toMatchObject({ kind: 'unreachable' });
    server?.close();
    expect(await ask('http://127.0.0.1:1/')).toMatchObject({ kind: 'unreachable' });
  });
});
