import { expect, test } from 'vitest';
import { renderProfileReport } from './profile-report.ts';

const kernels = Array.from({ length: 25 }, (_, i) => ({
  label: i === 0 ? 'MatMul <b>' : `Kernel ${i}`,
  dispatches: 2,
  ms: i === 0 ? 26 : 1,
  share: i === 0 ? 0.52 : 0.02,
  flops: 1e6,
  bytes: 0,
  shareOfPeak: i === 0 ? 0.05 : undefined,
}));

test('the page names what takes the time, draws the longest and lists all', () => {
  const page = renderProfileReport({
    title: 'quickstart',
    device: 'llvmpipe',
    createdAt: '2026-01-01 12:00',
    version: '1.0.0',
    steps: 10,
    ms: 50,
    dispatches: 50,
    peak: { gflops: 20, gigabytesPerSecond: 5 },
    kernels,
  });
  expect(page).toContain('<svg');
  expect(page).toContain('MatMul &lt;b&gt; takes 52.0% of the GPU time.');
  expect(page).toContain('Half of it goes to 1 of 25 kernels.');
  expect(page).toContain('reaches 5.0% of the peak');
  expect(page).toContain('The 20 kernels that take longest, of 25.');
  for (const { label } of kernels.slice(1)) expect(page).toContain(`>${label}</th>`);
  expect(page).not.toContain('<b>MatMul');
  expect(page).not.toContain('NaN');
});
