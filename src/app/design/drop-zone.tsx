/** Where files and folders are dropped; the same with a button for those who don't drag. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Button } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';
import './drop-zone.css';

export function DropZone({
  title,
  icon = 'upload',
  onDrop,
  children,
}: {
  readonly title: string;
  readonly icon?: IconName;
  /** Called in the drop's own event: read the items at once. */
  onDrop(data: DataTransfer): void;
  /** Buttons that do the same. */
  readonly children?: ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping has no keyboard; the buttons inside are the other way
    <div
      class={over ? 'drop-zone over' : 'drop-zone'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) onDrop(event.dataTransfer);
      }}
    >
      <Icon name={icon} size={26} />
      <p>{title}</p>
      <div class="row">{children}</div>
    </div>
  );
}

/** A button that opens the system's file dialog. */
export function FileButton({
  children,
  accept,
  multiple,
  folder,
  icon,
  onFiles,
}: {
  readonly children: ComponentChildren;
  readonly accept?: string;
  readonly multiple?: boolean;
  /** A whole folder, where the browser can. */
  readonly folder?: boolean;
  readonly icon?: IconName;
  onFiles(files: File[]): void;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        {...(accept === undefined ? {} : { accept })}
        {...(multiple ? { multiple } : {})}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          // The same file can be chosen again.
          currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
      <Button {...(icon ? { icon } : {})} onClick={() => input.current?.click()}>
        {children}
      </Button>
    </>
  );
}
