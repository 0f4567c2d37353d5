/**
 * Warnings of the run that is under way, told wherever the user is: pictures that are set aside, a device that was lost and came back.
 * All of them in one notice, the newest first; the Train view lists them, too.
 */
import { effect } from '@preact/signals';
import type { Live } from './live.ts';
import type { Notices } from './notices.ts';
import { warningOnPage } from './page-words.ts';

const key = 'run-warnings';

export function tellWarnings(live: Live, notices: Notices): void {
  let begunAt = '';
  let told = 0;
  effect(() => {
    if (live.status.value !== 'starting') return;
    // A resumed run brings its old warnings along: these were told.
    begunAt = new Date().toISOString();
    told = 0;
    notices.dismiss(key);
  });
  effect(() => {
    const fresh = live.facts.value.warnings.filter(({ time }) => time >= begunAt);
    if (fresh.length <= told) return;
    told = fresh.length;
    const [newest = '', ...earlier] = fresh.map(({ message }) => warningOnPage(message)).reverse();
    notices.show({
      key,
      tone: 'warning',
      title: fresh.length === 1 ? 'A warning of the run' : `${fresh.length} warnings of the run`,
      text: newest,
      details: [...new Set(earlier)],
    });
  });
}
