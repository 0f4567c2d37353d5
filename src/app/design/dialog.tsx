/** The browser's own modal dialog: it keeps the focus, and Escape closes it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { IconButton } from './button.tsx';
import './dialog.css';

export function Dialog({
  title,
  open,
  onClose,
  actions,
  children,
}: {
  readonly title: string;
  readonly open: boolean;
  onClose(): void;
  readonly actions?: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={id} onClose={onClose}>
      {open ? (
        <>
          <header>
            <h2 id={id}>{title}</h2>
            <IconButton icon="close" label="Close" onClick={onClose} />
          </header>
          {children}
          {actions ? <footer class="row">{actions}</footer> : undefined}
        </>
      ) : undefined}
    </dialog>
  );
}
