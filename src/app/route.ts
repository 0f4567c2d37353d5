/** Addresses of the page: `#/runs?run=/runs/quickstart-1`. The hash works on every static host. */
import { type Signal, signal } from '@preact/signals';

export interface Route {
  /** The id of a view (views/index.ts). */
  readonly view: string;
  readonly params: Readonly<Record<string, string>>;
}

const firstView = 'train';

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return {
    // An address that was cut off in the middle of a letter leads to the first view.
    view: /^[a-z-]+$/.test(path) ? path : firstView,
    params: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** The address of a view, for links. */
export function linkTo(view: string, params: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(params).toString();
  return `#/${view}${query === '' ? '' : `?${query}`}`;
}

export function goTo(view: string, params?: Readonly<Record<string, string>>): void {
  location.hash = linkTo(view, params);
}

/** Follows the address bar. */
export function openRoute(): Signal<Route> {
  const route = signal(parseRoute(location.hash));
  window.addEventListener('hashchange', () => {
    route.value = parseRoute(location.hash);
  });
  return route;
}
