import type { Command } from 'commander';
import { jsonSchema } from '../resources/resource.ts';
import type { Binder } from './invocation.ts';

export function declareSchema(program: Command, binder: Binder): void {
  const command = program.command('schema').description('print the JSON Schema of manifests, for editors');
  binder.bind(command, async (invocation) => {
    const schema = jsonSchema();
    invocation.print(schema, () => `${JSON.stringify(schema, null, 2)}\n`);
  });
}
