/**
 * A graph that can't be compiled as it is. Callers fall back to eager execution and say why; the step's results
 * are the same, only slower.
 */
import { OcelliError } from '../../core/index.ts';

export class EngineError extends OcelliError {
  readonly exitCode = 1;

  /** `kernels`: those without a lowering, with these attributes. */
  constructor(readonly kernels: readonly string[]) {
    super({
      code: 'kernel_not_compiled',
      expected: 'a step of kernels that can be compiled for WebGPU',
      received: kernels.join(', '),
      fix: 'nothing is needed: the step runs kernel by kernel; to compile it, add a lowering in src/engine/compile/lowerings',
    });
  }
}
