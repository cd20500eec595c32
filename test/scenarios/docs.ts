import { fileURLToPath } from 'node:url';
import { fieldTables } from './field-table.ts';

export const SCENARIO_DOCS = fileURLToPath(new URL('../../docs/scenarios.md', import.meta.url));

const BETWEEN = /(<!-- fields -->\n)[\s\S]*(<!-- \/fields -->)/;

/** The page with the tables of fields as the schema has them now. */
export function withFieldTables(page: string): string {
  return page.replace(BETWEEN, (_, begin: string, end: string) => `${begin}\n${fieldTables()}\n${end}`);
}
