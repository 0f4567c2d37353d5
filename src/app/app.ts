/** Opens what all views share, and watches what can go wrong around a run: no WebGPU, a crashed worker, a full disk. */
import { effect, signal } from '@preact/signals';
import { type ConnectedGateway, connectGateway, type RunRecord, TrainingClient } from '../client/index.ts';
import { openGpu } from '../platform/browser/index.ts';
import { openDataPeek } from './described.ts';
import { openDeviceChoice } from './device-choice.ts';
import { tellFoundRuns } from './found-runs.ts';
import { openHubChoice, publicHub } from './hub-choice.ts';
import { Live } from './live.ts';
import { longestArrivalMs, type Notice, openNotices } from './notices.ts';
import { remediesFor } from './remedies.ts';
import type { OpeningRun } from './results/opening.ts';
import { openRoute } from './route.ts';
import { tellWarnings } from './run-warnings.ts';
import { openSetup } from './setup.ts';
import type { App } from './state.ts';
import { ignoreStrayDrops } from './stray-drops.ts';

/** @throws ConfigError `browser_unsupported` */
export function openApp(): App {
  const client = TrainingClient.open();
  const notices = openNotices();
  const setup = openSetup();
  const runs = signal<readonly RunRecord[]>([]);
  const gpuMissing = signal<string | undefined>(undefined);
  const gateway = signal<ConnectedGateway | undefined>(undefined);
  const arrived = signal(false);
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
    opening: signal<OpeningRun | undefined>(undefined),
    notices,
    arrived,
    gateway,
    gpuMissing,
  };

  ignoreStrayDrops();
  effect(() => {
    const { value: error } = live.error;
    if (error === undefined) notices.dismiss('run');
    else notices.report(error, { key: 'run', actions: remediesFor(app, error) });
  });
  tellWarnings(live, notices);
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
  const foundGpu = findGpu().then((missing) => {
    gpuMissing.value = missing;
    if (missing !== undefined) notices.show(withoutGpu(missing));
  });
  const foundRuns = tellFoundRuns(app).catch(notices.report);
  // An adapter that sleeps takes longer to wake than anybody likes to look at an empty page.
  const longEnough = new Promise((resolve) => setTimeout(resolve, longestArrivalMs));
  void Promise.race([Promise.allSettled([foundGpu, foundRuns]), longEnough]).then(() => {
    notices.settle();
    arrived.value = true;
    void client.tidyImports().catch(notices.report);
  });
  return app;
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
