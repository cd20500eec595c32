import type { ColumnType, Generated } from 'kysely';
import type { Json } from '../base/json.ts';

/** A `timestamptz`: ISO 8601 in UTC when read; the database's clock writes it wherever it can. */
export type Timestamp = ColumnType<string, string, string>;

/** A `jsonb`: data when read, its text (`JSON.stringify`) when written. */
export type JsonColumn<T = Json> = ColumnType<T, string, string>;

/** What the migrations build, for Kysely. A migration and this file change together. */
export interface Tables {
  migration: { number: number; name: string; checksum: string; applied_at: ColumnType<string, never, never> };
  lease: { name: string; holder: string; epoch: number; expires_at: Timestamp };
  control_status: { tenant: string; framework: string; control: string; status: string; since: Timestamp };
  breach: {
    id: string;
    cause: string;
    opening: JsonColumn;
    opened_at: ColumnType<string, never, never>;
    settled_at: ColumnType<string | null, never, string | null>;
    over_at: ColumnType<string | null, never, string | null>;
  };
  breach_step: { breach_id: string; seq: number; step: JsonColumn };
  register: {
    version: number;
    digest: string;
    document: JsonColumn;
    made_at: ColumnType<string, never, never>;
    made_by: string;
  };
  signed_record: {
    id: string;
    kind: string;
    about: string;
    done_on: string;
    expires_on: string;
    statement: JsonColumn;
    envelope: string;
    signer: string;
    imported_at: ColumnType<string, never, never>;
    imported_by: string;
    withdrawn_at: ColumnType<string | null, never, string | null>;
  };
  api_token: {
    id: string;
    name: string;
    role: string;
    tenant: string | null;
    secret_digest: string;
    created_at: ColumnType<string, never, never>;
    created_by: string;
    expires_at: Timestamp;
    revoked_at: ColumnType<string | null, never, string>;
    revoked_by: ColumnType<string | null, never, string>;
  };
  duty: {
    id: string;
    incident: string;
    repair: string;
    move_index: number;
    move: string;
    duty: string;
    clause: string;
    tenants: JsonColumn;
    owed_at: ColumnType<string, string, never>;
    met_at: ColumnType<string | null, never, string>;
    met_by: ColumnType<string | null, never, string>;
    result: ColumnType<string | null, never, string>;
  };
  exception_match: { name: string; matches: number; since: Timestamp };
  service_day: { tenant: string; day: string; answered: number; failed: number; outage_ms: number };
  violation: {
    id: Generated<number>;
    tenant: string;
    framework: string;
    control: string;
    good_at: ColumnType<string | null, string | null, never>;
    bad_at: ColumnType<string, string, never>;
    found_at: ColumnType<string, string, never>;
    healed_at: ColumnType<string | null, never, string | null>;
  };
  outbox: { seq: Generated<number>; event: JsonColumn; created_at: ColumnType<string, never, never> };
  resource: {
    kind: string;
    name: string;
    generation: number;
    document: JsonColumn;
    base_folder: string;
    changed_at: ColumnType<string, never, never>;
    changed_by: string;
  };
  resource_history: {
    kind: string;
    name: string;
    generation: number;
    document: JsonColumn<Json | null>;
    changed_at: ColumnType<string, never, never>;
    changed_by: string;
  };
  workload_version: {
    workload: string;
    version: number;
    artefact_path: string;
    artefact_digest: string;
    config_digest: string;
    document: JsonColumn;
    created_at: ColumnType<string, never, never>;
    promoted_at: ColumnType<string | null, never, string | null>;
    rejected_at: ColumnType<string | null, never, string | null>;
  };
  workload_state: {
    workload: string;
    revision: Generated<number>;
    target_version: number;
    phase: string;
    phase_since: ColumnType<string, never, string>;
    scale_delta: ColumnType<Json, string | undefined, string>;
  };
  slot: {
    workload: string;
    region: string;
    ordinal: number;
    instance_id: string | null;
    incoming_id: string | null;
    incoming_version: number | null;
    version: number | null;
    port: Generated<number>;
  };
  incident: {
    id: string;
    key: string;
    state: string;
    outcome: string | null;
    opened_at: ColumnType<string, never, never>;
    closed_at: ColumnType<string | null, never, string | null>;
    body: JsonColumn;
  };
  plan: {
    id: string;
    incident_id: string;
    hash: string;
    body: JsonColumn;
    made_at: ColumnType<string, never, never>;
    expires_at: ColumnType<string | null, string | null, string | null>;
    approved_by: string | null;
    approved_at: ColumnType<string | null, never, string | null>;
  };
  repair: {
    id: string;
    plan_id: string;
    incident_id: string;
    target: string;
    subject: string;
    outcome: string | null;
    reason: string | null;
    started_at: ColumnType<string, never, never>;
    ended_at: ColumnType<string | null, never, string | null>;
    harm: ColumnType<Json | null, string | undefined, string | null>;
  };
  detection_state: {
    detector: string;
    part: string;
    shape: string;
    heard_until: number;
    state: string;
    written_at: ColumnType<string, never, string>;
  };
  leadership: { epoch: number; holder: string; gained_at: ColumnType<string, never, never> };
  pardon: { playbook: string; at: ColumnType<string, never, never>; made_by: string; reason: string };
  repair_journal: {
    repair_id: string;
    seq: number;
    at: ColumnType<string, never, never>;
    epoch: number;
    move_index: number;
    event: string;
    data: JsonColumn;
  };
  mitigation: {
    id: string;
    tenant: string | null;
    kind: string;
    limits: JsonColumn;
    created_at: ColumnType<string, never, never>;
    expires_at: Timestamp;
  };
  setting_change: {
    setting: string;
    revision: number;
    value: string | null;
    at: ColumnType<string, never, never>;
    made_by: string;
    soaked_at: ColumnType<string | null, never, string | null>;
    write_key: string | null;
  };
  budget: { scope: string; tokens: number; updated_at: Timestamp };
  stop: {
    id: string;
    scope: string;
    reason: string;
    made_by: string;
    made_at: ColumnType<string, never, never>;
    expires_at: ColumnType<string | null, string | null, string | null>;
    lifted_at: ColumnType<string | null, never, string | null>;
    lifted_by: string | null;
  };
  drill: {
    id: string;
    fault: string;
    target: string;
    made_by: string;
    started_at: ColumnType<string, never, never>;
    ended_at: ColumnType<string | null, string | undefined, string | null>;
    result: JsonColumn<Json | null>;
  };
}
