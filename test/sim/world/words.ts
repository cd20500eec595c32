import type { Scenario } from '../../scenarios/scenario.ts';

/** The parts of a parsed scenario, by name. */
export type WorkloadWords = Scenario['fleet']['workloads'][string];
export type TenantWords = Scenario['fleet']['tenants'][string];
export type SettingWords = Scenario['fleet']['settings'][string];
export type AssetWords = Scenario['fleet']['assets'][string];
export type ActorWords = Scenario['fleet']['actors'][string];
export type EffectWords = Scenario['effects'][number];
export type EventWords = Scenario['events'][number];
export type FaultWords = NonNullable<EventWords['fault']>;
