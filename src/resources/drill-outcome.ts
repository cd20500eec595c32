/**
 * How drills end that showed what they were for: the fault was healed, a process is back, a violation was found and is over,
 * a lost region was not left for one that is forbidden.
 */
export const GOOD_DRILL_OUTCOMES: readonly string[] = ['healed', 'restarted', 'detected', 'held'];
