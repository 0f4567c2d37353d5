/** The run's state in the head of the page, from wherever the user is. */
import { percentOf } from './format.ts';
import { linkTo } from './route.ts';
import { useApp } from './state.ts';
import './run-status.css';

export function RunStatusLink() {
  const { live } = useApp();
  const status = live.status.value;
  if (status === 'idle') return null;
  const step = live.lastStep.value;
  const share = step && live.isActive ? ` ${percentOf(step.step / step.total_steps)}` : '';
  return (
    <a class={`run-status ${status}`} href={linkTo('train')}>
      <i aria-hidden="true" />
      <span class="number">
        {words[status]}
        {share}
      </span>
    </a>
  );
}

const words = {
  idle: '',
  starting: 'Starting',
  running: 'Training',
  pausing: 'Pausing',
  paused: 'Paused',
  stopping: 'Stopping',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
} as const;
