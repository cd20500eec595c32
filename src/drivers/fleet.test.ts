import { afterAll, beforeAll } from 'vitest';
import { fleetConformance } from '../../test/conformance/fleet.ts';
import { RealFleet } from '../../test/fixtures/real-fleet.ts';

let real: RealFleet;

beforeAll(async () => {
  real = await RealFleet.start();
});

afterAll(() => real?.close());

fleetConformance('real processes', () => real.open());
