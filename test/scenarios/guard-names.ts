import { GUARDS } from '../../src/heal/guards/table.ts';

/** Guards that a scenario may name. */
export const GUARD_NAMES: readonly string[] = GUARDS.map(({ name }) => name);
