/**
 * Where the notices of the page are: above the view those that were there before it, over the view those that came later, and all of
 * them in a list that the bell in the head opens. Errors are read out at once, others when the screen reader has time.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Notice, PlacedNotice } from '../notices.ts';
import { useApp } from '../state.ts';
import { IconButton } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { type Fold, NoticeBox } from './notice-list.tsx';
import './notice-places.css';

/** What was known before the view was shown. */
export function NoticesOfThePage() {
  const all = useApp().notices.notices.value;
  return <Announced notices={all.filter(({ place }) => place === 'page')} fold="narrow" />;
}

/** More would hide the view; the others are in the list. */
const mostOverTheView = 2;

/** What came later, at the window's lower edge. Below the view there is as much room, so that nothing is covered for good. */
export function NoticeTray() {
  const all = useApp().notices.notices.value;
  const tray = useRef<HTMLElement>(null);
  const space = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { style } = document.documentElement;
    const observer = new ResizeObserver(() => {
      style.setProperty('--tray', `${tray.current!.clientHeight - space.current!.offsetHeight}px`);
    });
    observer.observe(space.current!);
    observer.observe(tray.current!);
    return () => observer.disconnect();
  }, []);
  const newest = all.filter(({ place }) => place === 'tray').reverse();
  const kept = newest.toSorted((a, b) => urgency(b) - urgency(a)).slice(0, mostOverTheView);
  const shown = newest.filter((notice) => kept.includes(notice));
  const order = shown[0]?.tone === 'error' ? 'errors-first' : '';
  return (
    <section class={`tray ${order}`} id="tray" tabIndex={-1} aria-label="New notices" ref={tray}>
      <div class="tray-space" ref={space} />
      <Announced notices={shown} fold="always" />
    </section>
  );
}

const urgency = ({ tone }: Notice): number => (tone === 'error' ? 1 : 0);

/** The regions are there from the start: screen readers tell what comes into them. */
function Announced({ notices, fold }: { readonly notices: readonly PlacedNotice[]; readonly fold: Fold }) {
  const boxes = (wanted: boolean) =>
    notices
      .filter(({ tone }) => (tone === 'error') === wanted)
      .map((notice) => <PlacedBox key={notice.key} notice={notice} fold={fold} />);
  return (
    <>
      <div role="status">{boxes(false)}</div>
      <div role="alert">{boxes(true)}</div>
    </>
  );
}

function PlacedBox({ notice, fold }: { readonly notice: PlacedNotice; readonly fold: Fold }) {
  const { notices } = useApp();
  const putAway = (): void => {
    notices.putAway(notice.key);
    // Where the notice is now, and where the next Tab leads on from the beginning of the page.
    document.querySelector<HTMLElement>('#bell button')?.focus({ preventScroll: true });
  };
  return <NoticeBox notice={notice} fold={fold} onDismiss={putAway} />;
}

/** All notices, also those that were put away. */
export function NoticeBell() {
  const { notices } = useApp();
  const [open, setOpen] = useState(false);
  const all = notices.notices.value.toReversed();
  const count = all.length;
  const worst = (['error', 'warning', 'info', 'good'] as const).find((tone) =>
    all.some((notice) => notice.tone === tone),
  );
  return (
    <div id="bell" class="bell">
      <IconButton
        icon="bell"
        label={count === 0 ? 'Notices: none' : `Notices: ${count}`}
        onClick={() => setOpen(true)}
      />
      {worst ? (
        <span class={`bell-count ${worst}`} aria-hidden="true">
          {count}
        </span>
      ) : undefined}
      <Dialog title="Notices" open={open} onClose={() => setOpen(false)}>
        {count === 0 ? (
          <p class="soft">There is nothing to tell.</p>
        ) : (
          <ul class="plain stack">
            {all.map((notice) => (
              <li key={notice.key}>
                <NoticeBox
                  notice={notice}
                  onDismiss={() => notices.dismiss(notice.key)}
                  onAction={() => setOpen(false)}
                />
              </li>
            ))}
          </ul>
        )}
      </Dialog>
    </div>
  );
}
