/**
 * `node disk-process.ts <folder> [lying]`: a file system over a model disk, mounted on a folder through /dev/fuse. It is told
 * what to do, and tells what came of it, by messages of its parent (`DiskCommand`, `DiskEvent`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, open, read, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom } from '../../src/base/random.ts';
import { ModelDisk } from '../ledger-disk/model-disk.ts';
import { DiskService } from './disk-service.ts';
import { answerOf, parseRequest, REQUEST_BYTES_MAX } from './fuse-protocol.ts';
import type { DiskCommand, DiskEvent } from './power-disk.ts';

const [folder = '', lying] = process.argv.slice(2);
const tell = (event: DiskEvent) => process.send?.(event);
const service = new DiskService(new ModelDisk(), { isLying: lying === 'lying', onCut: () => tell({ kind: 'cut' }) });
const [openFile, readFile, closeFile] = [promisify(open), promisify(read), promisify(close)];

async function run(command: string, args: readonly string[], device?: number): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', device ?? 'ignore'] });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

/** Serves until the folder is unmounted. */
async function serve(device: number): Promise<void> {
  const buffer = Buffer.alloc(REQUEST_BYTES_MAX);
  for (;;) {
    const got = await readFile(device, buffer, 0, buffer.length, null).catch((error: NodeJS.ErrnoException) => error);
    if (got instanceof Error) {
      // The device may not be read before it is mounted, and has no more when it no longer is.
      if (got.code !== 'EPERM') break;
      await systemClock.sleep(1);
      continue;
    }
    const request = parseRequest(buffer.subarray(0, got.bytesRead));
    const result = service.answer(request);
    if (result !== undefined) writeSync(device, answerOf(request.unique, result));
  }
  await closeFile(device);
}

let serving: Promise<void> = Promise.resolve();

async function mount(): Promise<void> {
  const device = await openFile('/dev/fuse', 'r+');
  const mounting = run('mount', ['-i', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0', 'none', folder], device);
  serving = serve(device);
  await mounting;
  tell({ kind: 'mounted' });
}

async function unmount(): Promise<void> {
  await run('umount', [folder]);
  await serving;
}

async function obey(command: DiskCommand): Promise<void> {
  if (command.kind === 'cut-after') service.changesLeft = command.changes;
  if (command.kind === 'fail') service.fault = command.errno;
  if (command.kind === 'restore') {
    await unmount();
    service.restore(service.disk.afterPowerCut(seededRandom(command.seed)));
    await mount();
  }
  if (command.kind === 'end') {
    await unmount();
    process.disconnect?.();
  }
}

process.on('message', (command: DiskCommand) => void obey(command));
await mount();
