/** The page's entry: opens what all views share and draws the shell, or says what this browser lacks. */
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-600.css';
import './design/tokens.css';
import './design/base.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { openApp } from './app.ts';
import { keepFocus } from './kept-focus.ts';
import { Shell } from './shell.tsx';
import { AppContext } from './state.ts';
import { openTheme } from './theme.ts';
import { Unsupported } from './unsupported.tsx';
import { fetchViews } from './views/index.ts';

const root = document.querySelector('#app')!;
const theme = openTheme();

try {
  const app = openApp();
  render(
    <AppContext.Provider value={app}>
      <Shell theme={theme} />
    </AppContext.Provider>,
    root,
  );
  keepFocus(root);
  // Another tab may train, or remove a run that is looked at here.
  app.client.watchRuns(() => void app.refreshRuns().catch(app.notices.report));
  // A run may take longer than the connection lasts.
  effect(() => {
    if (app.live.isActive) void fetchViews();
  });
} catch (error) {
  console.error(error);
  render(<Unsupported error={error} />, root);
}
