/** What happened to the calls of a soak. Each of the last three is a fault of the gateway. */
export class Tally {
  sessions = 0;
  refusedSessions = 0;
  answered = 0;
  failed = 0;
  cancelled = 0;
  /** The client's own connection was cut, so the answer had no way to come. */
  lost = 0;
  cuts = 0;
  /** When the last cut was, in milliseconds of the monotonic clock. */
  cutAt = Number.NEGATIVE_INFINITY;
  progress = 0;
  sampled = 0;
  readonly never: string[] = [];
  readonly twice: string[] = [];
  readonly wrong: string[] = [];

  get faults(): readonly string[] {
    return [
      ...this.never.map((what) => `never answered: ${what}`),
      ...this.twice.map((what) => `answered twice: ${what}`),
      ...this.wrong.map((what) => `answered wrongly: ${what}`),
    ];
  }

  get line(): string {
    const { sessions, refusedSessions, answered, failed, cancelled, lost, cuts } = this;
    return `sessions ${sessions} (${refusedSessions} refused), answered ${answered}, failed ${failed}, cancelled ${cancelled}, lost with their client ${lost}, cuts ${cuts}, faults ${this.faults.length}`;
  }
}
