import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { readDisk } from './usage-reader.ts';

test('the disk under a folder has a limit that what is used does not exceed; one that is not there says nothing', async () => {
  const disk = await readDisk(tmpdir());
  expect(disk!.limitMib).toBeGreaterThan(0);
  expect(disk!.usedMib).toBeGreaterThanOrEqual(0);
  expect(disk!.usedMib).toBeLessThanOrEqual(disk!.limitMib);
  expect(await readDisk('/nowhere/at/all')).toBeUndefined();
});
