/** One case through its kind's handler, in Node or in a browser's worker. */
import { type CheckResult, type ParityCase, type ParityOptions, Reporter } from './case.ts';
import { kinds } from './kinds/index.ts';

/** @param label what the results call the device: `browser` is WebGPU in Chromium */
export async function runCase(
  parityCase: ParityCase,
  options: ParityOptions,
  label: string,
  emit: (result: CheckResult) => void,
): Promise<void> {
  const report = new Reporter(parityCase, label, emit);
  const load = kinds[parityCase.kind];
  if (!load) {
    report.fail('kind', `unknown kind ${parityCase.kind}; known: ${Object.keys(kinds).join(', ')}`);
    return;
  }
  try {
    await (await load())(parityCase, report, options);
  } catch (error) {
    report.fail('run', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  report.finish();
}
