/**
 * Runs that a page finds when it is opened: one whose tab was closed or reloaded in the middle can go on, or begin again
 * where it had no checkpoint yet; one that another tab is training stays there, and this page says so.
 */
import type { RunRecord } from '../client/index.ts';
import type { Notice } from './notices.ts';
import { goTo } from './route.ts';
import type { App } from './state.ts';

const key = 'interrupted';
const msBetweenLooks = 1000;
/** The worker of a page that was reloaded ends after its step, and until then the run seems to go on. */
const patientLooks = 5;

export async function tellFoundRuns(app: App): Promise<void> {
  await app.refreshRuns();
  let told: Notice | undefined;
  for (let looks = 0; ; looks++) {
    const elsewhere = app.runs.value.find(isUnderWay);
    if (!elsewhere || app.live.status.peek() !== 'idle') break;
    if (looks >= patientLooks && !told) {
      told = inOtherTab(elsewhere);
      app.notices.show(told);
    }
    await new Promise((resolve) => setTimeout(resolve, told ? 3 * msBetweenLooks : msBetweenLooks));
    await app.refreshRuns();
  }
  if (told) app.notices.dismiss(key);
  const run = app.runs.value.find(({ status }) => status === 'interrupted');
  if (run && app.live.status.peek() === 'idle') app.notices.show(interrupted(app, run));
}

const isUnderWay = ({ status }: RunRecord): boolean => status === 'running' || status === 'paused';

function inOtherTab({ name, status }: RunRecord): Notice {
  return {
    key,
    tone: 'info',
    title: `“${name}” is ${status === 'paused' ? 'paused' : 'training'} in another tab`,
    text: 'Pause, resume and stop it there. Here you can look at other runs, or prepare the next one; two runs at once share the device.',
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
    text: 'There is nothing to resume from: checkpoints are written after each evaluation, and at least once a minute. The same recipe can start again from the first step.',
    actions: [act('Start again', () => void app.live.startAgain(run))],
  };
}
