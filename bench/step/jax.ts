/**
 * jax-js: the whole step (forward, gradients, AdamW, running statistics) is one jitted function. It opens a
 * device of its own on the adapter that it finds first, which is the one that the other contenders use.
 */
import { defaultDevice, init, jit, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import type { Batch } from '../../src/data/index.ts';
import type { JaxArray, JaxTree } from '../jax/layers.ts';
import { jaxNetworks } from '../jax/models.ts';
import { classes, type OcelliNetwork } from '../networks/ocelli.ts';
import { type NamedArray, type NamedWeights, permute } from '../networks/weights.ts';
import type { Contender } from './contender.ts';
import { adamW, learningRate } from './hyperparameters.ts';

type State = { params: JaxTree; mean: JaxTree; square: JaxTree; statistics: JaxTree };

export const jaxName = 'jax-js, jitted';

/** Undefined where the network was not written for it. */
export async function jaxContender(
  network: OcelliNetwork,
  weights: NamedWeights,
  batch: Batch,
): Promise<Contender | undefined> {
  const loss = jaxNetworks[network.name];
  if (!loss) return undefined;
  // It asks the browser whether it is Firefox; Node 20 has no browser to ask.
  if (!navigator.userAgent)
    Object.defineProperty(navigator, 'userAgent', { value: 'Node.js', configurable: true });
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js finds no WebGPU device');
  defaultDevice('webgpu');
  const update = jit((state: State, images: JaxArray, labels: JaxArray, scalars: JaxTree) => {
    const { params, mean, square, statistics } = state;
    const [[value, moved], gradients] = valueAndGrad(loss, { hasAux: true })(
      tree.ref(params),
      statistics,
      images,
      labels,
    ) as [[JaxArray, JaxTree], JaxTree];
    const next: State = { params: {}, mean: {}, square: {}, statistics: moved };
    for (const name of Object.keys(params)) {
      const gradient = gradients[name]!;
      const m = mean[name]!.mul(adamW.beta1).add(gradient.ref.mul(1 - adamW.beta1));
      const v = square[name]!.mul(adamW.beta2).add(np.square(gradient).mul(1 - adamW.beta2));
      const root = np.sqrt(v.ref).mul(scalars.inverse_root!.ref).add(adamW.epsilon);
      next.params[name] = params[name]!.sub(m.ref.div(root).mul(scalars.step_size!.ref));
      next.mean[name] = m;
      next.square[name] = v;
    }
    tree.dispose(scalars);
    return { loss: value, state: next };
  });
  let state = stateOf(weights);
  const labels = np.array(
    Float32Array.from({ length: network.batch * classes.size }, (_, i) =>
      batch.samples[Math.floor(i / classes.size)]!.labels[0] === i % classes.size ? 1 : 0,
    ),
    { shape: [network.batch, classes.size] },
  );
  let count = 0;
  return {
    name: jaxName,
    async step() {
      count++;
      const images = np.array(batch.pixelValues.slice(), { shape: [...batch.shape] });
      const scalars = {
        step_size: np.array(Float32Array.of(learningRate / (1 - adamW.beta1 ** count)), { shape: [] }),
        inverse_root: np.array(Float32Array.of(1 / Math.sqrt(1 - adamW.beta2 ** count)), { shape: [] }),
      };
      const result = update(state, images, labels.ref, scalars);
      state = result.state;
      return (await result.loss.data())[0]!;
    },
    dispose() {
      tree.dispose(state);
      labels.dispose();
      update.dispose();
    },
  };
}

function stateOf(weights: NamedWeights): State {
  const state: State = { params: {}, mean: {}, square: {}, statistics: {} };
  const upload = ({ shape, data }: NamedArray): JaxArray => np.array(data.slice(), { shape: [...shape] });
  for (const [name, array] of weights.entries()) {
    if (name.endsWith('.num_batches_tracked')) continue;
    if (/\.running_(mean|var)$/.test(name)) {
      state.statistics[name] = upload(weights.get(name));
      continue;
    }
    const matrix = array.shape.length === 2;
    const value = matrix ? permute(weights.get(name), [1, 0]) : weights.get(name);
    state.params[name] = upload(value);
    state.mean[name] = np.zeros([...value.shape]);
    state.square[name] = np.zeros([...value.shape]);
  }
  return state;
}
