import type { Command } from 'commander';
import { digestOf } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { nameSchema } from '../resources/metadata.ts';
import type { Binder } from './invocation.ts';

/** 5 bits a character: 200 bits, beyond any guessing. */
const KEY_LENGTH = 40;

export function declareKey(program: Command, binder: Binder): void {
  const command = program
    .command('key')
    .description('API keys of tenants')
    .command('new')
    .description('make a random API key: printed once, kept nowhere; manifests hold its hash')
    .option('--name <name>', 'of the key in the manifest', 'main');
  binder.bind<{ name: string }>(command, async (invocation, { name }) => {
    if (!nameSchema.safeParse(name).success) throw new KinError('usage.invalid', `${name} cannot be the name of a key`);
    const key = `kin_${invocation.context.random.token(KEY_LENGTH)}`;
    const sha256 = digestOf(key).replace('sha256:', '');
    invocation.print({ name, key, sha256 }, () => renderKey(name, key, sha256));
  });
}

function renderKey(name: string, key: string, sha256: string): string {
  return [
    'The key, for the client; it is not shown again:',
    `  ${key}`,
    'Its hash, for spec.identify.apiKeys of the Tenant:',
    `  - { name: ${name}, sha256: ${sha256} }`,
    '',
  ].join('\n');
}
