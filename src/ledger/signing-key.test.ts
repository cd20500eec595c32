import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigningKey, KEY_FILE, readSigningKey, VKEY_FILE } from './signing-key.ts';

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
