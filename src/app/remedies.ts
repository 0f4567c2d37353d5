/** What helps against the failure of a run, as buttons. */
import { OcelliError } from '../core/index.ts';
import type { Notice } from './notices.ts';
import { goTo } from './route.ts';
import type { App } from './state.ts';

type Action = NonNullable<Notice['actions']>[number];

const openView = (label: string, view: string): Action => ({ label, run: () => goTo(view) });

/** Views that help against an error of the run, by its code. */
const views: Readonly<Record<string, readonly Action[]>> = {
  invalid_recipe: [openView('Open the recipe', 'recipe')],
  invalid_yaml: [openView('Open the recipe', 'recipe')],
  no_adapter: [openView('Choose the device', 'device')],
  device_lost: [openView('Choose the device', 'device')],
  device_error: [openView('Choose the device', 'device')],
  model_too_large: [openView('Choose another model', 'model'), openView('Open the recipe', 'recipe')],
  out_of_memory: [openView('Open the recipe', 'recipe')],
  disk_full: [openView('Remove old runs', 'runs'), openView('See what takes room', 'device')],
  model_not_found: [openView('Choose another model', 'model')],
  task_not_supported: [openView('Choose another model', 'model')],
};

/** Of these the same run would fail again at once: first something has to change, and that makes another run. */
const hopeless = new Set([
  'invalid_recipe',
  'invalid_yaml',
  'model_too_large',
  'model_not_found',
  'task_not_supported',
]);

export function remediesFor({ live }: App, error: unknown): Action[] {
  const known = error instanceof OcelliError ? error : undefined;
  const code = known?.code ?? '';
  const run = live.run.peek();
  const isRemote = known?.name === 'RemoteError';
  const isData = known?.name === 'DataError';
  const helpful = views[code] ?? [
    ...(isData ? [openView('Open the data', 'data')] : []),
    ...(isRemote && run === undefined ? [openView('Choose another model', 'model')] : []),
  ];
  if (run === undefined || hopeless.has(code)) return [...helpful];
  const begin = (label: string, how: () => Promise<void>): Action => ({
    label,
    run() {
      goTo('train');
      void how();
    },
  });
  if (live.facts.peek().checkpoint) {
    return [begin('Resume from the checkpoint', () => live.resume(run)), ...helpful];
  }
  return isData ? [...helpful] : [begin('Start again', () => live.startAgain(run)), ...helpful];
}
