/**
 * Fetches and starts onnxruntime while the model is still on its way: by opening the smallest model there is, one that
 * gives back its input. Nothing else makes the runtime compile and find its device. It stays open, because the device goes
 * with the last session: so one device lasts as long as the worker, and the next model need not wait for another.
 */
import { prepareOnnx, type WidgetDevice } from './onnx-runtime.ts';

const bytesOf = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
/** A field of protocol buffers with bytes in it (onnx.proto gives the numbers). */
const field = (number: number, content: readonly number[]): number[] => [
  (number << 3) | 2,
  content.length,
  ...content,
];
const whole = (number: number, value: number): number[] => [number << 3, value];

/** float32 [1]. */
const port = (name: string): number[] => {
  const shape = field(2, field(1, whole(1, 1)));
  return [...field(1, bytesOf(name)), ...field(2, field(1, [...whole(1, 1), ...shape]))];
};

/** Identity: x [1] to y [1], opset 17. */
export const identityModel = Uint8Array.from([
  ...whole(1, 8),
  ...field(7, [
    ...field(1, [...field(1, bytesOf('x')), ...field(2, bytesOf('y')), ...field(4, bytesOf('Identity'))]),
    ...field(2, bytesOf('identity')),
    ...field(11, port('x')),
    ...field(12, port('y')),
  ]),
  ...field(8, whole(2, 17)),
]);

const started = new Map<WidgetDevice, Promise<void>>();

/** Never rejects: what is wrong with the runtime is said when a model is opened. */
export function warmUp(device: WidgetDevice): Promise<void> {
  const before = started.get(device);
  if (before) return before;
  const starting = start(device).catch(() => undefined);
  started.set(device, starting);
  return starting;
}

async function start(device: WidgetDevice): Promise<void> {
  const ort = await prepareOnnx(device);
  await ort.InferenceSession.create(identityModel, { executionProviders: [device], logSeverityLevel: 3 });
}
