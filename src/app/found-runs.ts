/**
 * Runs that a page finds when it is opened: one whose tab was closed or reloaded in the middle can go on, or begin again
 * where it had no checkpoint yet; one that another tab is training stays there, and this page says so. What is said first takes the
 * room of what is said later, so that nothing jumps.
 */
import type { RunRecord } from '../client/index.ts';
import type { Notice } from './notices.ts';
import { goTo } from './route.ts';
import type { App } from './state.ts';

const key = 'interrupted';
const msBetweenLooks = 1000;
/** The worker of a page that was reloaded ends after its step, and until then the run seems to go on. */
const patientLooks = 5;

/** Resolves after the first look; as long as a run is under way elsewhere, others follow. */
export async function tellFoundRuns(app: App): Promise<void> {
  await app.refreshRuns();
  const elsewhere = underWay(app);
  if (!elsewhere) return tellInterrupted(app);
  app.notices.show(lookingAfter(elsewhere));
  void watch(app, elsewhere.run).catch(app.notices.report);
}

async function watch(app: App, watched: string): Promise<void> {
  for (let looks = 1; ; looks++) {
    const wait = looks > patientLooks ? 3 * msBetweenLooks : msBetweenLooks;
    await new Promise((resolve) => setTimeout(resolve, wait));
    await app.refreshRuns();
    const elsewhere = underWay(app);
    if (!elsewhere || app.live.status.peek() !== 'idle') break;
    if (looks === patientLooks) app.notices.show(inOtherTab(elsewhere));
  }
  tellInterrupted(app, watched);
}

const underWay = ({ runs }: App): RunRecord | undefined =>
  runs.value.find(({ status }) => status === 'running' || status === 'paused');

/** @param watched a run that was under way in another tab, and is not any more */
function tellInterrupted(app: App, watched?: string): void {
  const { notices, live, runs } = app;
  // One that was trained elsewhere waits for its data: the view Runs says so.
  const run = runs.value.find(({ status, dataMissing }) => status === 'interrupted' && !dataMissing);
  const ended = runs.value.find((record) => record.run === watched);
  if (live.status.peek() !== 'idle') notices.dismiss(key);
  else if (run) notices.show(interrupted(app, run));
  else if (ended) notices.show(endedElsewhere(app, ended));
  else notices.dismiss(key);
}

function lookingAfter({ name, step, totalSteps }: RunRecord): Notice {
  return {
    key,
    tone: 'info',
    title: `“${name}” was under way at step ${step} of ${totalSteps}`,
    text: 'This page is looking whether another tab is training it, or whether it can go on here…',
    keepsRoom: true,
  };
}

function inOtherTab({ name, status }: RunRecord): Notice {
  return {
    key,
    tone: 'info',
    title: `“${name}” is ${status === 'paused' ? 'paused' : 'training'} in another tab`,
    text: 'Pause and stop it there. Here you can prepare the next run, or look at others meanwhile.',
    keepsRoom: true,
  };
}

function endedElsewhere({ notices }: App, { run, name, status }: RunRecord): Notice {
  return {
    key,
    tone: status === 'finished' ? 'good' : 'info',
    title: `“${name}” ${status === 'finished' ? 'is finished' : 'has ended'} in another tab`,
    text: 'Its curves and numbers are here, too.',
    actions: [
      {
        label: 'Look at it',
        run() {
          notices.dismiss(key);
          goTo('runs', { run });
        },
      },
    ],
  };
}

function interrupted(app: App, { run, name, step, totalSteps, checkpoint }: RunRecord): Notice {
  const act = (label: string, begin: () => void): NonNullable<Notice['actions']>[number] => ({
    label,
    run() {
      app.notices.dismiss(key);
      goTo('train');
      begin();
    },
  });
  if (checkpoint !== undefined) {
    return {
      key,
      tone: 'info',
      title: `“${name}” was interrupted at step ${step} of ${totalSteps}`,
      text: 'Its last checkpoint is in this browser: the run goes on from there, to the same result.',
      actions: [act('Resume', () => void app.live.resume(run))],
    };
  }
  return {
    key,
    tone: 'info',
    title: `“${name}” was interrupted before its first checkpoint`,
    text: 'There is nothing to resume from yet: the same recipe can start again from its first step.',
    actions: [act('Start again', () => void app.live.startAgain(run))],
  };
}
