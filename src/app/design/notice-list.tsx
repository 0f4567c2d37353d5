/** The notices on top of a view. Errors are read out at once, others when the screen reader has time. */

import type { Notice } from '../notices.ts';
import { useApp } from '../state.ts';
import { Button, IconButton } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';
import './notice-list.css';

const icons: Readonly<Record<Notice['tone'], IconName>> = {
  info: 'info',
  good: 'check',
  warning: 'warning',
  error: 'error',
};

export function NoticeList() {
  const { notices } = useApp();
  const all = notices.notices.value;
  return (
    <>
      <div role="alert">
        {all
          .filter(({ tone }) => tone === 'error')
          .map((notice) => (
            <NoticeBox key={notice.key} notice={notice} onDismiss={() => notices.dismiss(notice.key)} />
          ))}
      </div>
      <div role="status">
        {all
          .filter(({ tone }) => tone !== 'error')
          .map((notice) => (
            <NoticeBox key={notice.key} notice={notice} onDismiss={() => notices.dismiss(notice.key)} />
          ))}
      </div>
    </>
  );
}

/** Also for what belongs to one place of a view: then without `onDismiss`. */
export function NoticeBox({
  notice: { tone, title, text, why, details, actions, keepsRoom, permanent },
  onDismiss,
}: {
  readonly notice: Omit<Notice, 'key'>;
  readonly onDismiss?: () => void;
}) {
  return (
    <div class={`notice ${tone}`}>
      <Icon name={icons[tone]} size={20} />
      <div class="notice-body">
        <strong>{title}</strong>
        {text ? <p>{text}</p> : undefined}
        {why ? <p class="notice-why">{why}</p> : undefined}
        {details && details.length > 0 ? (
          <ul>
            {details.slice(0, 8).map((line) => (
              <li key={line}>{line}</li>
            ))}
            {details.length > 8 ? <li>and {details.length - 8} more</li> : undefined}
          </ul>
        ) : undefined}
        {(actions && actions.length > 0) || keepsRoom ? (
          <div class="row notice-actions">
            {actions?.map(({ label, run }) => (
              <Button key={label} size="small" onClick={run}>
                {label}
              </Button>
            ))}
          </div>
        ) : undefined}
      </div>
      {permanent || !onDismiss ? undefined : (
        <IconButton icon="close" label={`Dismiss: ${title}`} onClick={onDismiss} />
      )}
    </div>
  );
}
