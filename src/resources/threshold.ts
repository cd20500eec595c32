/** A number that a guard goes by. `Policy` may set another one inside the bounds. */
export interface Threshold {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** What it bounds, with its unit when the name does not say it. */
  readonly what: string;
  /** Where the default comes from, for people who judge it. */
  readonly source: string;
}

/** Every number that guards go by: `GUARD.NAME`. */
export const THRESHOLDS = {
  'freeze.deployMsMax': {
    default: 600_000,
    min: 0,
    max: 86_400_000,
    what: 'how long a rollout that is under way keeps other repairs of running instances away',
    source: 'Argo Rollouts progressDeadlineSeconds, 600 s',
  },
  'fresh-evidence.ageMsMax': {
    default: 10_000,
    min: 100,
    max: 600_000,
    what: 'age of evidence about instances and requests',
    source: 'HAProxy: 3 checks, 2 s apart, and as much again',
  },
  'fresh-evidence.assetAgeMsMax': {
    default: 120_000,
    min: 100,
    max: 86_400_000,
    what: 'age of evidence about assets, which are looked at less often',
    source: 'Prometheus scrapes every 60 s by default; two of them',
  },
  'panic.shareMin': {
    default: 0.5,
    min: 0.1,
    max: 1,
    what: 'share of instances that look down',
    source: 'Envoy healthy_panic_threshold 50 %, Kubernetes unhealthy-zone threshold 55 %',
  },
  'panic.instancesMin': {
    default: 4,
    min: 1,
    max: 1_000,
    what: 'instances below which a share says nothing',
    source: 'Envoy success_rate_minimum_hosts 5, and this one included',
  },
  'panic.coolDownMs': {
    default: 60_000,
    min: 0,
    max: 3_600_000,
    what: 'how long panic lasts after the fleet looks better',
    source: 'Medik8s NHC stormTerminationDelay, a minute and more',
  },
  'vantage-quorum.vantagesMin': {
    default: 2,
    min: 1,
    max: 10,
    what: 'live vantages that must be there before something that runs is taken away',
    source: 'Medik8s SNR asks peers before it lets a node be remediated',
  },
  'vantage-quorum.silenceMsMax': {
    default: 15_000,
    min: 100,
    max: 600_000,
    what: 'silence after which a vantage no longer counts',
    source: 'Medik8s SNR: three checks of the API, 15 s apart, cut to one',
  },
  'flap-damping.free': {
    default: 2,
    min: 0,
    max: 100,
    what: 'returns of an incident within a day that are repaired at once',
    source: 'HAProxy fall 3: two are chance',
  },
  'flap-damping.holdMs': {
    default: 30_000,
    min: 0,
    max: 3_600_000,
    what: 'first hold; it doubles with every further return',
    source: 'Envoy base_ejection_time 30 s',
  },
  'flap-damping.holdMsMax': {
    default: 300_000,
    min: 0,
    max: 86_400_000,
    what: 'longest hold',
    source: 'Envoy max_ejection_time 300 s',
  },
  'attempts.repairsMax': {
    default: 6,
    min: 1,
    max: 1_000,
    what: 'repairs of one target in the window of the playbook, healed or not',
    source: 'kubernaut #1090: 39 repairs of one signal; OTP and kubernaut give up after 1 to 3',
  },
  'blast-radius.shareMax': {
    default: 1 / 3,
    min: 0.01,
    max: 1,
    what: 'share of a workload, of a region, of a host and of the tenants that is taken away at once',
    source: 'Envoy 10 %, ASG 90 % healthy, AWS Config 10 %, Medik8s 49 %; a third is one of three',
  },
  'blast-radius.instancesMax': {
    default: 10,
    min: 1,
    max: 1_000,
    what: 'instances that are taken away at once in the whole fleet',
    source: 'AWS S3, February 2017: the removal had no absolute bound',
  },
  'progressive.firstMax': {
    default: 1,
    min: 1,
    max: 100,
    what: 'serving instances that the first step may take away; each later step may take twice as many',
    source: 'AWS SSM Automation ramps 1, 2, 4',
  },
  'warm-return.rampShareMin': {
    default: 0.2,
    min: 0,
    max: 1,
    what: 'share of the time of a limit over which traffic comes back',
    source: 'HAProxy slowstart',
  },
  'data-safe.rpoMsMax': {
    default: 1_000,
    min: 0,
    max: 86_400_000,
    what: 'lag of a copy that may take over',
    source: 'GitHub, 21 October 2018: seconds of writes on both sides cost 24 hours',
  },
  'fight.windowMs': {
    default: 3_600_000,
    min: 1_000,
    max: 86_400_000,
    what: 'how long a write of ours is watched for somebody who writes over it',
    source: 'Reddit, 11 August 2016: the package manager undid a stop within minutes',
  },
  'healer-health.takeoversMax': {
    default: 5,
    min: 1,
    max: 100,
    what: 'changes of the lead in ten minutes',
    source: 'systemd DefaultStartLimitBurst 5',
  },
  'healer-health.overdueMax': {
    default: 1,
    min: 0,
    max: 100,
    what: 'repairs whose present step is past its deadline',
    source: 'StackStorm #4716: executions that run for ever and are not noticed',
  },
} as const satisfies Readonly<Record<string, Threshold>>;

export type ThresholdName = keyof typeof THRESHOLDS;
