/** Opens what all views share, and watches what can go wrong around a run: no WebGPU, a crashed worker, a full disk. */
import { effect, signal } from '@preact/signals';
import { type ConnectedGateway, connectGateway, type RunRecord, TrainingClient } from '../client/index.ts';
import { OcelliError } from '../core/index.ts';
import { openGpu } from '../platform/browser/index.ts';
import { openDataPeek } from './described.ts';
import { openDeviceChoice } from './device-choice.ts';
import { openHubChoice, publicHub } from './hub-choice.ts';
import { Live } from './live.ts';
import { type Notice, openNotices } from './notices.ts';
import { goTo, openRoute } from './route.ts';
import { openSetup } from './setup.ts';
import type { App } from './state.ts';

/** @throws ConfigError `browser_unsupported` */
export function openApp(): App {
  const client = TrainingClient.open();
  const notices = openNotices();
  const setup = openSetup();
  const runs = signal<readonly RunRecord[]>([]);
  const gpuMissing = signal<string | undefined>(undefined);
  const gateway = signal<ConnectedGateway | undefined>(undefined);
  const refreshRuns = async (): Promise<void> => {
    runs.value = await client.runs();
  };
  const device = openDeviceChoice();
  const hub = openHubChoice();
  const live = new Live(client, setup, device, () => void refreshRuns().catch(notices.report));
  const app: App = {
    client,
    route: openRoute(),
    setup,
    data: openDataPeek(client, setup),
    device,
    hub,
    live,
    runs,
    refreshRuns,
    notices,
    gateway,
    gpuMissing,
  };

  effect(() => {
    const { value: error } = live.error;
    if (error === undefined) notices.dismiss('run');
    else notices.report(error, { key: 'run', actions: remedies(app, error) });
  });
  void connectGateway().then((connected) => {
    gateway.value = connected;
  });
  effect(() => {
    const mirror = hub.value === publicHub ? {} : { HF_ENDPOINT: hub.value };
    client.configure({ ...gateway.value?.environment, ...mirror });
  });
  // What was offered on arrival stands in the way once something else is under way.
  effect(() => {
    if (live.isActive) notices.dismiss('interrupted');
  });
  void findGpu().then((missing) => {
    gpuMissing.value = missing;
    if (missing !== undefined) notices.show(withoutGpu(missing));
  });
  void offerInterrupted(app).catch(notices.report);
  return app;
}

/** What helps against the failure of a run, as buttons. */
function remedies(app: App, error: unknown): { readonly label: string; run(): void }[] {
  const code = error instanceof OcelliError ? error.code : '';
  const run = app.live.facts.peek().checkpoint && app.live.run.peek();
  const resume = { label: 'Resume from the checkpoint', run: () => void app.live.resume(run ?? '') };
  if (code === 'invalid_recipe' || code === 'invalid_yaml') {
    return [{ label: 'Open the recipe', run: () => goTo('recipe') }];
  }
  if (code === 'no_adapter') return [{ label: 'Choose the device', run: () => goTo('device') }];
  if (code === 'disk_full') return [{ label: 'See what takes room', run: () => goTo('device') }];
  if (error instanceof OcelliError && error.name === 'DataError') {
    return [{ label: 'Open the data', run: () => goTo('data') }];
  }
  const elsewhere = ['model_not_found', 'task_not_supported'].includes(code);
  if (run === undefined && (elsewhere || (error instanceof OcelliError && error.name === 'RemoteError'))) {
    return [{ label: 'Choose another model', run: () => goTo('model') }];
  }
  return run === undefined ? [] : [resume];
}

/** Why there is no adapter; undefined where there is one. */
async function findGpu(): Promise<string | undefined> {
  const found = await openGpu();
  if ('missing' in found) return found.missing;
  const adapter = await found.access.gpu.requestAdapter();
  found.access.close();
  return adapter ? undefined : 'the browser finds no adapter';
}

function withoutGpu(missing: string): Notice {
  return {
    key: 'no-webgpu',
    tone: 'warning',
    title: 'No WebGPU: training runs on the processor',
    text: `That is slower, and gives the same results (${missing}). For the graphics card use a current Chrome, Edge, Firefox or Safari with hardware acceleration switched on; chrome://gpu says what is missing.`,
  };
}

/** A run whose tab was closed or reloaded in the middle. */
async function offerInterrupted(app: App): Promise<void> {
  await app.refreshRuns();
  // The worker of a page that was reloaded ends after its step, and until then the run seems to go on.
  for (let tries = 0; tries < 5 && isUnderWay(app.runs.value[0]); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await app.refreshRuns();
  }
  const run = app.runs.value.find(({ status, checkpoint }) => status === 'interrupted' && checkpoint);
  if (!run || app.live.status.peek() !== 'idle') return;
  app.notices.show({
    key: 'interrupted',
    tone: 'info',
    title: `“${run.name}” was interrupted at step ${run.step} of ${run.totalSteps}`,
    text: 'Its last checkpoint is in this browser: the run goes on from there, to the same result.',
    actions: [
      {
        label: 'Resume',
        run: () => {
          app.notices.dismiss('interrupted');
          goTo('train');
          void app.live.resume(run.run);
        },
      },
    ],
  });
}

const isUnderWay = (run: RunRecord | undefined): boolean =>
  run?.status === 'running' || run?.status === 'paused';
