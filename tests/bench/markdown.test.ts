import { expect, test } from 'vitest';
import { resultsPage } from '../../bench/markdown.ts';

test('contenders stand side by side, goals below, kernels in one table', () => {
  const page = resultsPage({
    title: 'llvmpipe',
    facts: [['Node', 'v20']],
    method: ['How.'],
    notes: ['step/vit: jax-js is left out'],
    rows: [
      { case: 'step/vit', metric: 'step_ms', value: 1234.5, unit: 'ms', goals: ['goal fast: met'] },
      { case: 'step/vit', metric: 'step_ms', value: 2000, unit: 'ms', peer: 'p', ratio: 1.6 },
      { case: 'step/vit', metric: 'dispatches', value: 62, unit: 'count' },
      { case: 'kernel/matmul/512', metric: 'ms', value: 2, unit: 'ms' },
      { case: 'kernel/matmul/512', metric: 'ms', value: 3, unit: 'ms', peer: 'TensorFlow.js', ratio: 1.5 },
      { case: 'kernel/matmul/512', metric: 'share_of_peak', value: 0.714, unit: 'share' },
      { case: 'endurance', metric: 'steps', value: 10000, unit: 'count' },
    ],
  });
  expect(page).toContain('| step_ms | 1235 | 2000 |');
  expect(page).toContain('| dispatches | 62 | – |');
  expect(page).toContain('- step_ms: goal fast: met');
  expect(page).toContain('| matmul/512 | 2 | 3 | 1.5× | – | – | 71 % | – (–) |');
  expect(page).toContain('### endurance');
  expect(page).toContain('- step/vit: jax-js is left out');
});
