/**
 * Messages for the user. A notice stays until it is no longer true; a toast says that something was done and goes by itself.
 * What is known when the page opens stands above the view; what comes later lies over it, so that nothing moves away from who
 * reads or is about to click. A notice that the user puts away stays in the list of notices. Errors of the worker already say
 * what was expected and what helps.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import { OcelliError } from '../core/index.ts';
import { wordsOnPage } from './page-words.ts';

export interface Notice {
  /** One notice per key: a newer one takes its place. */
  readonly key: string;
  readonly tone: 'info' | 'good' | 'warning' | 'error';
  readonly title: string;
  readonly text?: string | undefined;
  /** What was found, smaller, for those who want to know. */
  readonly why?: string | undefined;
  /** One per line. */
  readonly details?: readonly string[] | undefined;
  readonly actions?: readonly { readonly label: string; run(): void }[] | undefined;
  /** Has the room of buttons without them: what takes this notice's place may need it. */
  readonly keepsRoom?: boolean | undefined;
}

export interface PlacedNotice extends Notice {
  /** Above the view, over it, or put away by the user: in the list alone. */
  readonly place: 'page' | 'tray' | 'list';
}

export interface Notices {
  /** All that are true, oldest first. */
  readonly notices: ReadonlySignal<readonly PlacedNotice[]>;
  readonly toasts: ReadonlySignal<readonly { readonly id: number; readonly text: string }[]>;
  show(notice: Notice): void;
  /** The user has read it. */
  putAway(key: string): void;
  /** It is not true any more, or the user never wants to see it again. */
  dismiss(key: string): void;
  /** From now on there is a view that new notices must not push away. */
  settle(): void;
  /** An error with what to do about it. */
  report(error: unknown, options?: { readonly key?: string; readonly actions?: Notice['actions'] }): void;
  toast(text: string): void;
}

export const toastMs = 6000;
/** A page that knows later than this what there is to tell on arrival is shown without it. */
export const longestArrivalMs = 400;

export function openNotices(): Notices {
  const notices = signal<readonly PlacedNotice[]>([]);
  const toasts = signal<readonly { readonly id: number; readonly text: string }[]>([]);
  let lastToast = 0;
  let settled = false;
  const replace = (key: string, next: (before: PlacedNotice) => PlacedNotice): void => {
    notices.value = notices.peek().map((notice) => (notice.key === key ? next(notice) : notice));
  };
  const show = (notice: Notice): void => {
    const before = notices.peek().find(({ key }) => key === notice.key);
    // What takes another's place has its room; what was put away comes back as news.
    if (before && before.place !== 'list') replace(notice.key, ({ place }) => ({ ...notice, place }));
    else {
      const others = notices.peek().filter((other) => other !== before);
      notices.value = [...others, { ...notice, place: settled ? 'tray' : 'page' }];
    }
  };
  return {
    notices,
    toasts,
    show,
    putAway(key) {
      replace(key, (notice) => ({ ...notice, place: 'list' }));
    },
    settle() {
      settled = true;
    },
    dismiss(key) {
      notices.value = notices.peek().filter((notice) => notice.key !== key);
    },
    report(error, { key = 'error', actions } = {}) {
      show({ key, tone: 'error', ...wordsOf(error), actions });
    },
    toast(text) {
      const id = ++lastToast;
      toasts.value = [...toasts.peek(), { id, text }];
      setTimeout(() => {
        toasts.value = toasts.peek().filter((toast) => toast.id !== id);
      }, toastMs);
    },
  };
}

/** Titles of what users meet most; anything else is named by its kind. */
const titles: Readonly<Record<string, string>> = {
  worker_crashed: 'The training worker crashed',
  disk_full: 'The browser’s storage is full',
  no_adapter: 'No WebGPU here',
  device_lost: 'The graphics device was lost',
  out_of_memory: 'The device’s memory does not suffice',
  model_too_large: 'The model is too large for this device',
  invalid_recipe: 'The recipe has problems',
  invalid_yaml: 'The recipe is no YAML',
  image_unreadable: 'The picture can’t be read',
  picture_not_fetched: 'The picture did not come',
  camera_unavailable: 'The camera can’t be used',
  model_not_found: 'There is no model',
  folder_permission: 'The folder may no longer be read',
  picked_before: 'The pictures have to be chosen again',
  worker_busy: 'The worker is busy',
  run_in_other_tab: 'Another tab works on this run',
};

const kinds: Readonly<Record<string, string>> = {
  ConfigError: 'This setting does not work',
  DataError: 'Something is wrong with the data',
  CheckpointError: 'The weights can’t be read',
  DeviceError: 'The device can’t do this',
  RemoteError: 'A server did not answer as it should',
  RunError: 'The run can’t go on',
};

/** An error in the words of a notice. */
export function wordsOf(error: unknown): Pick<Notice, 'title' | 'text' | 'why' | 'details'> {
  if (!(error instanceof OcelliError)) {
    const text = error instanceof Error ? error.message : String(error);
    return { title: 'Something went wrong', text, details: [] };
  }
  const { code, name, problems } = error;
  const { expected, received, fix } = wordsOnPage(error);
  return {
    title: titles[code] ?? kinds[name] ?? 'Something went wrong',
    text: `What to do: ${fix}.`,
    why: `Expected ${expected}, received ${received}.`,
    details: problems,
  };
}
