/**
 * Backs the database of its region up, again and again: an hour between two, ten seconds after one that failed. Answers
 * /health while it runs. POST /backups starts one at once; one that is under way is the one that was asked for.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeOld, takeBackup } from './backup.ts';

const AGAIN_MS = 10_000;

function setting(name: string, usual?: string): string {
  const value = process.env[name] ?? usual;
  if (value !== undefined) return value;
  process.stderr.write(`configuration: ${name} is missing\n`);
  process.exit(78);
}

const folder = setting('KINTSUGI_DATA_DIR');
const source = {
  host: setting('DB_HOST'),
  port: Number(setting('DB_PORT')),
  user: setting('DB_USER', 'postgres'),
  password: setting('DB_PASSWORD'),
};
const everyMs = Number(setting('BACKUP_EVERY_MINUTES', '60')) * 60_000;
const keep = Number(setting('BACKUP_KEEP', '3'));
let pause = new AbortController();

createServer((request, response) => {
  const isStart = request.method === 'POST' && request.url === '/backups';
  if (isStart) pause.abort();
  response.writeHead(isStart ? 202 : 200).end('{}');
}).listen(Number(setting('PORT')), setting('HOST'));
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => process.exit(0));

for (;;) {
  let waitMs = everyMs;
  try {
    const startedAt = Date.now();
    const name = await takeBackup(source, folder, new Date(startedAt));
    await removeOld(folder, keep);
    process.stdout.write(`${JSON.stringify({ backup: name, tookMs: Date.now() - startedAt })}\n`);
  } catch (error) {
    process.stderr.write(`${JSON.stringify({ level: 50, msg: 'no backup', reason: (error as Error).message })}\n`);
    waitMs = AGAIN_MS;
  }
  // Who asked while one was made has it.
  pause = new AbortController();
  await sleep(waitMs, undefined, { signal: pause.signal }).catch(() => undefined);
}
