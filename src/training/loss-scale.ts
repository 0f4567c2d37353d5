/**
 * Dynamic loss scaling (Micikevicius et al., arXiv:1710.03740), as `torch.amp.GradScaler`: the loss is multiplied
 * before it is differentiated, so that small gradients survive in half precision, and gradients are divided again
 * before they are used. A step whose gradients overflow is skipped on the device; here, when that becomes known, the
 * scale is halved. After enough good steps in a row it is doubled. Outcomes are known some steps late: steps that
 * were begun meanwhile with the scale that was too large say nothing new.
 */

const growEvery = 2000;
/** From where on a smaller scale will not help either. */
const smallest = 2 ** -14;

/** For a checkpoint. */
export interface LossScaleState {
  readonly value: number;
  /** Good steps since the last change. */
  readonly good: number;
  /** Steps of the run that overflowed. */
  readonly skipped: number;
}

export class LossScale {
  private current: LossScaleState = { value: 2 ** 16, good: 0, skipped: 0 };

  get value(): number {
    return this.current.value;
  }

  /**
   * Takes a step's outcome in the order of the steps. False: overflows don't end.
   * @param scale what the step was computed with
   */
  observe(overflowed: boolean, scale: number): boolean {
    const { value, good, skipped } = this.current;
    if (overflowed) this.current = { value: Math.min(value, scale / 2), good: 0, skipped: skipped + 1 };
    else if (good + 1 === growEvery) this.current = { value: value * 2, good: 0, skipped };
    else this.current = { value, good: good + 1, skipped };
    return this.current.value >= smallest;
  }

  state(): LossScaleState {
    return this.current;
  }

  restore(state: LossScaleState): void {
    this.current = { ...state };
  }
}
