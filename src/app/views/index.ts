/**
 * The views of the app, in the order of the navigation. A view is loaded when it is first shown: a folder `views/<id>` whose
 * `index.tsx` exports a component `View`. A new view is a row here.
 */
import type { ComponentType } from 'preact';
import type { IconName } from '../design/icon.tsx';

export interface ViewRow {
  readonly id: string;
  readonly title: string;
  readonly icon: IconName;
  readonly group: 'Train' | 'Results' | 'Machine';
  load(): Promise<{ readonly View: ComponentType }>;
}

export const views: readonly ViewRow[] = [
  { id: 'train', title: 'Train', icon: 'play', group: 'Train', load: () => import('./train/index.tsx') },
  { id: 'data', title: 'Data', icon: 'pictures', group: 'Train', load: () => import('./data/index.tsx') },
  { id: 'model', title: 'Model', icon: 'model', group: 'Train', load: () => import('./model/index.tsx') },
  { id: 'recipe', title: 'Recipe', icon: 'recipe', group: 'Train', load: () => import('./recipe/index.tsx') },
  { id: 'runs', title: 'Runs', icon: 'runs', group: 'Results', load: () => import('./runs/index.tsx') },
  {
    id: 'errors',
    title: 'Errors',
    icon: 'errors',
    group: 'Results',
    load: () => import('./errors/index.tsx'),
  },
  { id: 'try', title: 'Try it', icon: 'try', group: 'Results', load: () => import('./try/index.tsx') },
  {
    id: 'export',
    title: 'Export',
    icon: 'export',
    group: 'Results',
    load: () => import('./export/index.tsx'),
  },
  { id: 'device', title: 'Device', icon: 'chip', group: 'Machine', load: () => import('./device/index.tsx') },
];

/** Loads the code of all views, one after the other and when the page has time, so that they are there without a connection. */
export async function fetchViews(): Promise<void> {
  for (const view of views) {
    await new Promise<void>((resolve) => {
      if ('requestIdleCallback' in window) requestIdleCallback(() => resolve(), { timeout: 5000 });
      else setTimeout(resolve, 500);
    });
    // Whoever opens the view is told.
    await view.load().catch(() => undefined);
  }
}
