/** What a new visitor sees: data, model and recipe in short, one button. Then the run, live. */
import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../../state.ts';
import { Dashboard } from './dashboard.tsx';
import { Start } from './start.tsx';

export function View() {
  const { live } = useApp();
  const idle = live.status.value === 'idle';
  const frame = useRef<HTMLDivElement>(null);
  const before = useRef(idle);
  // The button that was pressed is gone: the focus goes to the heading, as after a change of views.
  useEffect(() => {
    if (before.current === idle) return;
    before.current = idle;
    const heading = frame.current?.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus({ preventScroll: true });
  }, [idle]);
  return <div ref={frame}>{idle ? <Start /> : <Dashboard />}</div>;
}
