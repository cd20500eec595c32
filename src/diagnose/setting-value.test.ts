import { expect, test } from 'vitest';
import type { SettingView } from './fleet-view.ts';
import { valueForPeople } from './setting-value.ts';

const SETTING: SettingView = {
  id: 'tenant/shop/API_TOKEN',
  kind: 'config',
  workloads: [],
  tenant: 'shop',
  revision: 1,
  value: 'anna@shop.example',
  declared: undefined,
  needsRestart: false,
  history: [],
};

test('what a tenant wrote into its own configuration is not shown, and that it is absent is', () => {
  expect(valueForPeople(SETTING, 'anna@shop.example', 'another value')).toBe('another value');
  expect(valueForPeople(SETTING, null, 'another value')).toBe('absent');
});

test('where a tenant is routed to, and what the platform set for everybody, is shown and cut to a length', () => {
  expect(valueForPeople({ ...SETTING, kind: 'route' }, 'eu', 'another value')).toBe('eu');
  expect(valueForPeople({ ...SETTING, tenant: null }, '20', 'another value')).toBe('20');
  expect(valueForPeople({ ...SETTING, tenant: null }, 'x'.repeat(50), 'another value')).toBe(`${'x'.repeat(40)}...`);
});
