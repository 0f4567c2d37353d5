/**
 * A model's forward pass on the open device. Where the device compiles, shapes that come a second time are compiled:
 * pictures of all sizes would otherwise cost more to prepare than to compute. In half precision, which only compiled
 * passes have, every shape is.
 */
import {
  CompiledFunction,
  type Device,
  type HostTensors,
  NotCompiled,
  tf,
  withOptions,
} from '../engine/index.ts';
import type { LoadedModel } from '../models/index.ts';
import type { HostOutputs } from '../tasks/index.ts';
import type { ModelBatch } from './types.ts';

export class ModelForward {
  private compiled: CompiledFunction | undefined;
  private readonly seen = new Set<string>();

  constructor(
    private readonly device: Device,
    private readonly model: LoadedModel['model'],
    /** Told once when the pass can't be compiled, with the reason. */
    private readonly onEager: (reason: string) => void,
    private readonly precision: 'fp32' | 'fp16' = 'fp32',
  ) {
    if (!device.prepare) return;
    const variables = new Map([...model.tensors()].map(([name, { value }]) => [name, value]));
    const forward = (inputs: Readonly<Record<string, tf.Tensor>>) => ({
      ...model.forward(inputs as { pixel_values: tf.Tensor }, { training: false }),
    });
    this.compiled = new CompiledFunction(withOptions(device.prepare, { precision })!, forward, variables, 4);
  }

  async run(batch: ModelBatch): Promise<HostOutputs> {
    const inputs = this.inputsOf(batch);
    const shape = batch.shape.join('×');
    if (this.compiled && (this.precision === 'fp16' || this.seen.has(shape))) {
      try {
        return await this.compiled.call(inputs);
      } catch (error) {
        if (!(error instanceof NotCompiled)) throw error;
        this.compiled.dispose();
        this.compiled = undefined;
        this.onEager(error.message);
      }
    }
    this.seen.add(shape);
    return this.runEagerly(inputs);
  }

  dispose(): void {
    this.compiled?.dispose();
    this.compiled = undefined;
  }

  private inputsOf({ shape, pixelValues, pixelMask }: ModelBatch): HostTensors<Float32Array> {
    const [images, , height, width] = shape;
    const mask = pixelMask ?? new Uint8Array(images * height * width).fill(1);
    return {
      pixel_values: { shape, data: pixelValues },
      ...(this.model.takesPixelMask
        ? { pixel_mask: { shape: [images, height, width], data: Float32Array.from(mask) } }
        : {}),
    };
  }

  private async runEagerly(inputs: HostTensors<Float32Array>): Promise<HostOutputs> {
    const outputs = tf.tidy(() => {
      const tensors = Object.entries(inputs).map(([name, { shape, data }]) => {
        return [name, tf.tensor(data, [...shape])] as const;
      });
      const given = Object.fromEntries(tensors) as { pixel_values: tf.Tensor };
      return { ...this.model.forward(given, { training: false }) };
    });
    const host: Record<string, { shape: number[]; data: Float32Array }> = {};
    try {
      for (const [name, tensor] of Object.entries(outputs)) {
        host[name] = { shape: tensor.shape, data: (await this.device.read(tensor)) as Float32Array };
      }
    } finally {
      tf.dispose(outputs);
    }
    return host;
  }
}
