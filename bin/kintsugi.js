#!/usr/bin/env node
// Kintsugi runs as TypeScript on Node 24.12 or newer. This file is plain JavaScript so that an older Node can read it:
// when the Node that runs it is too old, it hands over to the one that the lock file brought.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Every process of a stack compiles the same files: compiled once and kept, a process is up in half the time. The folder is
// beside the code, because whoever may write there may change the code as well; where nobody may, Node goes without.
if (!process.env.NODE_COMPILE_CACHE) process.env.NODE_COMPILE_CACHE = join(root, 'node_modules', '.cache', 'kintsugi');

const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 12)) {
  module.enableCompileCache?.();
  await import('../src/main.ts');
} else {
  const bundled = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
  if (!existsSync(bundled)) {
    process.stderr.write(`kintsugi needs Node 24.12 or newer and found ${process.version}; run "npm ci" first\n`);
    process.exit(69);
  }
  const child = spawn(bundled, [join(root, 'src', 'main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 128 : (code ?? 1)));
}
