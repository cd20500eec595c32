/** The clock by which this service dates its answers and its log lines. A drill can make it wrong, in this process alone. */
export const serviceClock = {
  skewMs: 0,
  now(): Date {
    return new Date(Date.now() + this.skewMs);
  },
};
