/** One notice: what happened, what to do, what was found. */
import { useId, useState } from 'preact/hooks';
import type { Notice } from '../notices.ts';
import { Button, IconButton } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';
import './notice-list.css';

const icons: Readonly<Record<Notice['tone'], IconName>> = {
  info: 'info',
  good: 'check',
  warning: 'warning',
  error: 'error',
};

/** Where only the title and the buttons are shown, and the rest when it is asked for. */
export type Fold = 'never' | 'narrow' | 'always';

/** Also for what belongs to one place of a view: then without `onDismiss`. */
export function NoticeBox({
  notice: { tone, title, text, why, details, actions, keepsRoom },
  fold = 'never',
  onDismiss,
  onAction,
}: {
  readonly notice: Omit<Notice, 'key'>;
  readonly fold?: Fold;
  readonly onDismiss?: () => void;
  readonly onAction?: () => void;
}) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const lines = details ?? [];
  const more = text || why || lines.length > 0;
  return (
    <div class={`notice ${tone} fold-${fold} ${open ? 'open' : ''}`}>
      <Icon name={icons[tone]} size={20} />
      <div class="notice-body">
        <div>
          <strong>{title}</strong>{' '}
          {fold === 'never' || !more ? undefined : (
            <button
              type="button"
              class={`notice-toggle ${why || lines.length > 0 ? 'for-more' : ''}`}
              aria-label={`${open ? 'Less' : 'Details'}: ${title}`}
              aria-expanded={open}
              aria-controls={id}
              onClick={() => setOpen(!open)}
            >
              {open ? 'Less' : 'Details'}
            </button>
          )}
        </div>
        {more ? (
          <div class="notice-more" id={id}>
            {text ? <p>{text}</p> : undefined}
            {why ? <p class="notice-why">{why}</p> : undefined}
            {lines.length > 0 ? (
              <ul class="notice-why">
                {lines.slice(0, 8).map((line) => (
                  <li key={line}>{line}</li>
                ))}
                {lines.length > 8 ? <li>and {lines.length - 8} more</li> : undefined}
              </ul>
            ) : undefined}
          </div>
        ) : undefined}
        {(actions && actions.length > 0) || keepsRoom ? (
          <div class="row notice-actions">
            {actions?.map(({ label, run }) => (
              <Button
                key={label}
                size="small"
                onClick={() => {
                  onAction?.();
                  run();
                }}
              >
                {label}
              </Button>
            ))}
          </div>
        ) : undefined}
      </div>
      {onDismiss ? <IconButton icon="close" label={`Dismiss: ${title}`} onClick={onDismiss} /> : undefined}
    </div>
  );
}
