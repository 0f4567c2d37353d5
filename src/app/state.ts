/**
 * What all views share, as one object that they get from Preact's context: the worker's client, what is set up
 * (recipe, data, model), the run that is under way, the runs of this browser, and messages for the user. Every
 * changing value is a signal: a view that reads it in its body is drawn again when it changes.
 */
import type { ReadonlySignal, Signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ConnectedGateway, RunRecord, TrainingClient } from '../client/index.ts';
import type { DataPeek } from './described.ts';
import type { ChosenDevice } from './device-choice.ts';
import type { Live } from './live.ts';
import type { Notices } from './notices.ts';
import type { OpeningRun } from './results/opening.ts';
import type { Route } from './route.ts';
import type { Setup } from './setup.ts';

export interface App {
  readonly client: TrainingClient;
  /** The view that is shown and what it shows, as in the address bar. */
  readonly route: Signal<Route>;
  readonly setup: Setup;
  /** What is in the data of the recipe. */
  readonly data: DataPeek;
  /** Where the next run computes. */
  readonly device: Signal<ChosenDevice>;
  /** Where models of the Hugging Face hub come from. */
  readonly hub: Signal<string>;
  /** The run that this page has started or resumed. */
  readonly live: Live;
  /** The runs of this browser, newest first. */
  readonly runs: ReadonlySignal<readonly RunRecord[]>;
  refreshRuns(): Promise<void>;
  /** The run of elsewhere that is being copied into this browser. */
  readonly opening: Signal<OpeningRun | undefined>;
  readonly notices: Notices;
  /** What a page finds on arrival is known (or takes too long): views wait for it, so that no notice pushes them down later. */
  readonly arrived: ReadonlySignal<boolean>;
  /** The gateway that the page came from: volumes as data, MLflow. */
  readonly gateway: ReadonlySignal<ConnectedGateway | undefined>;
  /** Why this browser has no WebGPU; undefined where it has (or before it is known). */
  readonly gpuMissing: ReadonlySignal<string | undefined>;
}

export const AppContext = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('a view is drawn inside of <AppContext.Provider>');
  return app;
}
