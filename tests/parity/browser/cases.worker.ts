/** Runs reference cases where a page trains: in a module worker. Their files come by HTTP, under the paths that they have on disk. */
import { type HttpEntry, mount } from '../../../src/platform/browser/index.ts';
import type { ParityCase, ParityOptions } from '../case.ts';
import { runCase } from '../run-case.ts';

export interface CasesRequest {
  readonly cases: readonly ParityCase[];
  readonly options: ParityOptions;
  readonly folders: readonly {
    readonly path: string;
    readonly base: string;
    readonly entries: readonly HttpEntry[];
  }[];
}

self.addEventListener('message', async ({ data }: MessageEvent<CasesRequest>) => {
  const { cases, options, folders } = data;
  for (const { path, base, entries } of folders) await mount(path, { kind: 'http', base, entries });
  for (const parityCase of cases) {
    await runCase(parityCase, options, 'browser', (result) => self.postMessage(result));
  }
  self.postMessage('done');
});
