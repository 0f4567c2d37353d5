/** A run of elsewhere on its way into this browser: views come and go meanwhile. */

export interface OpeningRun {
  /** What was picked. */
  readonly name: string;
  /** 0 to 1; undefined while it is looked at. */
  readonly share: number | undefined;
  readonly total: number | undefined;
}
