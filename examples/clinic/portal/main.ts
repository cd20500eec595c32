/**
 * The patients' portal: it tells when the clinic is open, over TLS, with a certificate of the clinic's own authority. On
 * SIGHUP it reads its certificate anew. With `DRILLS=on` it obeys `POST /_drill`, as the services do.
 */
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { Authority, type Pair } from './certificates.ts';

const DAYS = 90;
const BODY_MAX = 1_024;

const { KINTSUGI_DATA_DIR: folder, SERVER_NAME: serverName = 'portal.localhost', HOST, PORT } = process.env;

/** What a server of today offers: forward secrecy and authenticated encryption alone. */
const STRONG: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: 'ECDHE+AESGCM:ECDHE+CHACHA20:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
};
/** What somebody sets who has to please an old client. */
const OLD: SecureContextOptions = { minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' };

if (!folder) {
  process.stderr.write('configuration: KINTSUGI_DATA_DIR is missing\n');
  process.exit(78);
}
const authority = await Authority.open(folder);
if (!authority.read()) authority.write(await authority.issue(serverName, DAYS));
const usual = process.env['OLD_TLS'] === 'on' ? OLD : STRONG;
let options = usual;
/** What was shown before a drill, and what the drill shows. */
let before: Pair | undefined;
let faulty: Pair | undefined;

const server = createServer({ ...authority.read(), ...options }, async (request, response) => {
  if (request.method === 'POST' && request.url === '/_drill' && process.env['DRILLS'] === 'on') {
    let text = '';
    for await (const chunk of request) if (text.length < BODY_MAX) text += String(chunk);
    response.writeHead((await obey(text)) ? 200 : 400).end();
    return;
  }
  response.setHeader('content-type', 'text/plain').end('The clinic is open from 8 to 18.\n');
});

/** New connections get what lies in the files now. */
function takeUp(): void {
  server.setSecureContext({ ...authority.read(), ...options });
}

/** Changes what new connections get. Resolves with whether the order was understood. */
async function obey(text: string): Promise<boolean> {
  const { fault, parameter } = JSON.parse(text) as { fault?: unknown; parameter?: unknown };
  if (fault === 'tls-1.0') options = OLD;
  else if (fault === 'certificate') {
    before = authority.read();
    faulty = await authority.issue(serverName, Number(parameter));
    authority.write(faulty);
  } else if (fault === 'off') {
    options = usual;
    // Renewed meanwhile: that one stays.
    if (before && authority.read()?.cert === faulty?.cert) authority.write(before);
  } else return false;
  takeUp();
  return true;
}

process.on('SIGHUP', () => {
  try {
    takeUp();
  } catch (error) {
    process.stderr.write(`the new certificate cannot be used, the old one stays: ${String(error)}\n`);
  }
});
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => process.exit(0));
server.listen(Number(PORT), HOST);
