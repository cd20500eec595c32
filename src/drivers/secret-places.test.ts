import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemRandom as random } from '../base/random.ts';
import { openStateDirectory } from '../base/state-directory.ts';
import { Secrets } from './instance-environment.ts';
import { secretFiles } from './secret-places.ts';

test('every secret that was made is told, and what is just being written is not', () => {
  const root = mkdtempSync(join(tmpdir(), 'kin-secret-'));
  try {
    const state = openStateDirectory(root);
    new Secrets(state.secrets, random).read('records-app');
    new Secrets(state.root, random).read('canary-token');
    writeFileSync(join(state.secrets, 'payments-app.12.tmp'), 'half');
    expect(secretFiles(state).map(({ name }) => name)).toEqual(['canary-token', 'records-app']);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
