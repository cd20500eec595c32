import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyProviderConformance } from '../../test/conformance/key-provider.ts';
import { localKeyProvider } from './local-key-provider.ts';

let root = '';
let dir = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-kek-'));
  dir = join(root, 'kek');
});
afterEach(() => rmSync(root, { recursive: true }));

describe('key-encryption keys in files', () => {
  keyProviderConformance(() => localKeyProvider(dir));

  it('are for their owner alone, and one that was cut off while it was written is no key', async () => {
    const provider = await localKeyProvider(dir);
    await provider.create(1);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'kek-1')).mode & 0o777).toBe(0o600);
    writeFileSync(join(dir, 'kek-2.77.tmp'), 'half');
    expect(await (await localKeyProvider(dir)).epochs()).toEqual([1]);
    expect(readdirSync(dir)).toEqual(['kek-1']);
    writeFileSync(join(dir, 'kek-3'), 'short');
    await expect(provider.read(3)).rejects.toMatchObject({ code: 'vault.unreadable' });
  });

  it('are overwritten before they are removed', async () => {
    const provider = await localKeyProvider(dir);
    await provider.create(1);
    // A second name of the same bytes, as a snapshot of the folder could be.
    linkSync(join(dir, 'kek-1'), join(root, 'same'));
    await provider.destroy(1);
    expect(existsSync(join(dir, 'kek-1'))).toBe(false);
    expect(readFileSync(join(root, 'same')).every((byte) => byte === 0)).toBe(true);
  });
});
