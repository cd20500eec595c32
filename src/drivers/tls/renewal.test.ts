import fc from 'fast-check';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Renewal } from './renewal.ts';

type Deed = 'issue' | 'install' | 'restore' | 'theirs';
const DEEDS: readonly Deed[] = ['issue', 'install', 'restore', 'theirs'];
const FILES = ['server.pem', 'server.key'] as const;

/** Any bytes, since an undo that is exact asks for no form. */
const before = fc.option(fc.record({ pem: fc.uint8Array({ maxLength: 40 }), key: fc.uint8Array({ maxLength: 40 }) }), {
  nil: null,
});

test('whatever is repeated and in whatever order, what is taken back is what there was, and what is others’ stays', () => {
  const property = fc.property(before, fc.array(fc.constantFrom(...DEEDS), { maxLength: 8 }), (old, deeds) => {
    const folder = mkdtempSync(join(tmpdir(), 'kin-renewal-'));
    try {
      if (old) writeFileSync(join(folder, 'server.pem'), old.pem, { mode: 0o644 });
      if (old) writeFileSync(join(folder, 'server.key'), old.key, { mode: 0o640 });
      const look = () => FILES.map((name) => lookAt(join(folder, name)));
      const first = look();
      const renewal = () => new Renewal({ folder, file: 'server.pem', keyFile: 'server.key' }, 'k');
      let isTheirs = false;
      for (const deed of deeds) {
        if (deed === 'issue') issue(renewal());
        if (deed === 'install' && renewal().issued !== undefined && !isTheirs) renewal().install();
        if (deed === 'restore') renewal().restore();
        if (deed === 'theirs') {
          for (const name of FILES) writeFileSync(join(folder, name), `theirs ${name}`);
          isTheirs = true;
        }
      }
      const last = look();
      renewal().restore();
      renewal().restore();
      expect(look()).toEqual(isTheirs ? last : first);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  fc.assert(property, { numRuns: 150 });
});

function issue(renewal: Renewal): void {
  renewal.key();
  renewal.keepIssued('a chain');
}

function lookAt(path: string) {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? { content: readFileSync(path).toString('hex'), mode: stat.mode & 0o777 } : null;
}

test('a key is made once, and lies where only its owner reads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kin-renewal-'));
  const renewal = () => new Renewal({ folder, file: 'server.pem', keyFile: 'server.key' }, 'k');
  expect(renewal().key().reveal()).toBe(renewal().key().reveal());
  expect(String(renewal().key())).not.toContain('PRIVATE');
  const [name] = readdirSync(join(folder, '.kintsugi-renewals'));
  expect(statSync(join(folder, '.kintsugi-renewals', name!, 'new.key')).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});
