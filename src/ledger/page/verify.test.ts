import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { newSigner, publicFiles, sourceOf, textEntries } from '../../../test/conformance/tlog/log-in-memory.ts';
import { receiptOf } from '../receipt.ts';
import { formatVkey } from '../tlog/note-key.ts';

interface Page {
  sha256(message: Uint8Array): Uint8Array;
  verifyReceipt(text: string, trust: string): Promise<object>;
  verifyExport(read: (path: string) => Promise<Uint8Array | undefined>, trust: string): Promise<object>;
}

const html = readFileSync(join(import.meta.dirname, 'verify.html'), 'utf8');
const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(html) ?? [];
const globals = { TextEncoder, TextDecoder, Uint8Array, Uint32Array, DataView, ArrayBuffer, crypto, atob, btoa };
const page = runInContext(`${script}; ({ sha256, verifyReceipt, verifyExport })`, createContext(globals)) as Page;

const log = newSigner('example.com/log');
const witnesses = [0, 1, 2].map((n) => newSigner(`witness.example/${n}`, 'cosignature'));
const key = formatVkey(log.key);
const policy = `# ours\nlog ${key} https://log.example\n${witnesses
  .map((one, n) => `witness W${n} ${formatVkey(one.key)}\n`)
  .join('')}group G 2 W0 W1 W2\nquorum G\n`;

const entries = textEntries(600);
const filesOf = (...signers: typeof witnesses) => publicFiles(entries, log, ...signers);
const verify = (files: ReadonlyMap<string, Uint8Array>, trust = key) =>
  page.verifyExport(async (path) => files.get(path), trust);

describe('the page for browsers', () => {
  it('loads nothing and sends nothing', () => {
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/\b(?:src|href)=|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|innerHTML/);
  });

  it('hashes like the system', () => {
    for (let length = 0; length < 300; length += 1) {
      const message = Buffer.alloc(length, `${length} bytes`);
      expect(Buffer.from(page.sha256(message))).toEqual(createHash('sha256').update(message).digest());
    }
  });

  it('proves an export of any size', async () => {
    for (const size of [0, 1, 2, 255, 256, 257, 600]) {
      const files = publicFiles(entries.slice(0, size), log);
      expect(await verify(files)).toMatchObject({ kind: 'sound', origin: 'example.com/log', size });
    }
  });

  it('needs the witnesses of a policy', async () => {
    expect(await verify(filesOf(witnesses[0]!, witnesses[2]!), policy)).toMatchObject({ kind: 'sound' });
    expect(await verify(filesOf(witnesses[0]!), policy)).toMatchObject({ kind: 'unwitnessed' });
    expect(await verify(filesOf(witnesses[0]!, witnesses[0]!), policy)).toMatchObject({ kind: 'unwitnessed' });
  });

  it('finds any file that is changed, cut or missing', async () => {
    for (const [path, bytes] of filesOf()) {
      for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1;
        await expect(verify(new Map([...filesOf(), [path, changed]])), `${path} ${at}`).rejects.toThrow();
      }
      await expect(verify(new Map([...filesOf(), [path, bytes.subarray(1)]])), path).rejects.toThrow();
      await expect(verify(new Map([...filesOf()].filter(([other]) => other !== path))), path).rejects.toThrow();
    }
  });

  it('finds a ledger that was written again with all that hangs on it, but could not be signed', async () => {
    const forged = publicFiles(entries.with(3, Buffer.from('forged')), log);
    const files = new Map([...forged, ['checkpoint', filesOf().get('checkpoint')!]]);
    await expect(verify(files)).rejects.toThrow('not the ones that were signed');
  });

  it('proves a receipt of its entry, and nothing else', async () => {
    const text = (await receiptOf(sourceOf(filesOf()), 300))!.text;
    expect(await page.verifyReceipt(text, key)).toMatchObject({
      kind: 'sound',
      index: 300,
      entry: String(entries[300]),
    });
    expect(await page.verifyReceipt(text, policy)).toMatchObject({ kind: 'unwitnessed' });
    const lies = [
      text.replace('\nindex 300\n', '\nindex 301\n'),
      text.replace('\nindex 300\n', '\nindex 600\n'),
      text.replace(/extra .*\n/, `extra ${entries[301]!.toString('base64')}\n`),
      text.replace(/extra .*\n/, ''),
      text.replace(/\nindex 300\n.*\n/, '\nindex 300\n'),
      text.replace('\n600\n', '\n599\n'),
      '',
    ];
    for (const lie of lies) await expect(page.verifyReceipt(lie, key)).rejects.toThrow();
    await expect(page.verifyReceipt(text, formatVkey(newSigner('example.com/log').key))).rejects.toThrow();
    for (const trust of ['', 'nonsense', `log ${key}`, `${policy}quorum none`, policy.replace('W0 W1', 'W1 W1')]) {
      await expect(page.verifyReceipt(text, trust), trust).rejects.toThrow();
    }
  });
});
