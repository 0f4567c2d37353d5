/** The frame around the views: head with the run's state and the bell, navigation, notices above and over the view. */
import type { Signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './design/icon.tsx';
import mark from './design/mark.svg';
import { NoticeBell, NoticesOfThePage, NoticeTray } from './design/notice-places.tsx';
import { Toasts } from './design/toasts.tsx';
import { linkTo } from './route.ts';
import { RunStatusLink } from './run-status.tsx';
import { useApp } from './state.ts';
import type { Theme } from './theme.ts';
import { ThemeSwitch } from './theme-switch.tsx';
import { type ViewRow, views } from './views/index.ts';
import './shell.css';

const groups = ['Train', 'Results', 'Machine'] as const;

export function Shell({ theme }: { readonly theme: Signal<Theme> }) {
  const app = useApp();
  const { view: id } = app.route.value;
  const view = views.find((row) => row.id === id) ?? views[0]!;
  const navigation = useRef<HTMLElement>(null);
  useEffect(() => showCurrent(navigation.current!), [view]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => focusOn('#main')}>
        Skip to the content
      </button>
      {app.notices.notices.value.some(({ place }) => place === 'tray') ? (
        <button type="button" class="skip" onClick={() => focusOn('#tray')}>
          Skip to the new notices
        </button>
      ) : undefined}
      <header class="shell-head">
        <a class="brand" href={linkTo('train')}>
          <img src={mark} width="28" height="28" alt="" />
          Ocelli
        </a>
        <div class="status">
          <RunStatusLink />
        </div>
        <NoticeBell />
        <ThemeSwitch theme={theme} />
      </header>
      <nav class="shell-side" aria-label="Views" ref={navigation}>
        <div>
          {groups.map((group) => (
            <NavigationGroup key={group} group={group} current={view} />
          ))}
        </div>
      </nav>
      <div class="shell-body">
        <div class="shell-notices">
          <NoticesOfThePage />
        </div>
        {/* Hidden it has no place yet from which notices could push it away. */}
        <main class="shell-main" id="main" tabIndex={-1} hidden={!app.arrived.value}>
          <CurrentView key={view.id} view={view} />
        </main>
        <NoticeTray />
        <Toasts />
      </div>
    </div>
  );
}

function NavigationGroup({ group, current }: { readonly group: string; readonly current: ViewRow }) {
  const rows = views.filter((row) => row.group === group);
  if (rows.length === 0) return null;
  return (
    <div>
      <h2>{group}</h2>
      <ul class="plain">
        {rows.map(({ id, title, icon }) => (
          <li key={id}>
            <a href={linkTo(id)} aria-current={id === current.id ? 'page' : undefined}>
              <Icon name={icon} />
              {title}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

const loaded = new Map<string, ComponentType>();

/** Loads the view's code, and puts the focus on its heading after a change of views, as a new page would. */
function CurrentView({ view }: { readonly view: ViewRow }) {
  const { notices } = useApp();
  const [View, setView] = useState<ComponentType | undefined>(() => loaded.get(view.id));
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (View) return;
    view.load().then(
      (module) => {
        loaded.set(view.id, module.View);
        setView(() => module.View);
      },
      // The connection is gone, or the page was published anew and its old parts are not there any more.
      () =>
        notices.show({
          key: 'view',
          tone: 'error',
          title: `The view ${view.title} did not come`,
          text: 'What to do: check the connection and reload the page. A run that is under way can be resumed after that.',
          actions: [{ label: 'Reload the page', run: () => location.reload() }],
        }),
    );
  }, [view]);
  useEffect(() => {
    document.title = `${view.title} – Ocelli`;
    if (!View || view.id === seen) return;
    const first = seen === undefined;
    seen = view.id;
    if (first) return;
    const heading = frame.current?.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [view, View]);
  return <div ref={frame}>{View ? <View /> : <div class="view-waiting" aria-busy="true" />}</div>;
}

/** The view that is seen. The first takes no focus: the page has just been opened. */
let seen: string | undefined;

/** On a narrow page the navigation is one row that scrolls sideways. */
function showCurrent(navigation: HTMLElement): void {
  const link = navigation.querySelector<HTMLElement>('[aria-current]');
  if (!link) return;
  const middle = link.offsetLeft + link.offsetWidth / 2;
  navigation.scrollTo({ left: middle - navigation.clientWidth / 2 });
}

function focusOn(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}
