/** Measuring the device: what is asked of it, how long its kernels take, what it could do at most. */
export { GpuMeter, type MeterBytes, type MeterCounts } from './meter.ts';
export { type AdapterPeak, measurePeak } from './peak.ts';
export { GpuTimeline, type TimedPass } from './timeline.ts';
