/** What a new visitor sees: data, model and recipe in short, one button. Then the run, live. */
import { useApp } from '../../state.ts';
import { Dashboard } from './dashboard.tsx';
import { Start } from './start.tsx';

export function View() {
  const { live } = useApp();
  return live.status.value === 'idle' ? <Start /> : <Dashboard />;
}
