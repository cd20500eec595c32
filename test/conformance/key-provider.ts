import { createCipheriv } from 'node:crypto';
import { expect, it } from 'vitest';
import type { KeyProvider } from '../../src/vault/key-provider.ts';

/** What every provider of key-encryption keys owes. `reopen` gives another one over the same keys, as after a crash. */
export function keyProviderConformance(reopen: () => Promise<KeyProvider>): void {
  const sealedBy = async (provider: KeyProvider, epoch: number) => {
    const key = await provider.read(epoch);
    return key && createCipheriv('aes-256-gcm', key, Buffer.alloc(12)).update('text', 'utf8', 'hex');
  };

  it('has no key that nobody asked for', async () => {
    const provider = await reopen();
    expect(await provider.read(1)).toBeUndefined();
    expect(await provider.epochs()).toEqual([]);
  });

  it('gives a key of 256 bits that stays the same, and another one for each epoch', async () => {
    const provider = await reopen();
    const first = await provider.create(1);
    expect(first.symmetricKeySize).toBe(32);
    await provider.create(2);
    const sealed = await sealedBy(provider, 1);
    expect(sealed).toBeDefined();
    expect(await sealedBy(provider, 2)).not.toBe(sealed);
    await provider.create(1);
    expect(await sealedBy(provider, 1)).toBe(sealed);
    expect(await sealedBy(await reopen(), 1)).toBe(sealed);
    expect(await (await reopen()).epochs()).toEqual([1, 2]);
  });

  it('destroys a key for good and leaves the others', async () => {
    const provider = await reopen();
    for (const epoch of [9, 10]) await provider.create(epoch);
    const other = await sealedBy(provider, 10);
    await provider.destroy(9);
    await provider.destroy(9);
    for (const each of [provider, await reopen()]) {
      expect(await each.read(9)).toBeUndefined();
      expect(await each.epochs()).toEqual([10]);
      expect(await sealedBy(each, 10)).toBe(other);
    }
  });
}
