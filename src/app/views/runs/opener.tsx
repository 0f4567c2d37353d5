/** "Open a run": a folder or an archive from elsewhere, by a dialog or dropped anywhere on the view; progress and Cancel stand where the button was. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { dropped, type Picked, pickedFiles, pickFolder } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { DropZone, FileButton } from '../../design/drop-zone.tsx';
import { Progress } from '../../design/progress.tsx';
import { bytesOf, percentOf } from '../../format.ts';
import { useApp } from '../../state.ts';

/** Takes what was picked; once the run is here, `onOpened` gets it. */
type Take = (picking: Promise<Picked | undefined>) => void;

/** One button, which keeps its place and its focus: first it opens, then it cancels. */
export function RunOpener({ onPicked }: { readonly onPicked: Take }) {
  const { opening, client, notices } = useApp();
  const [choosing, setChoosing] = useState(false);
  const now = opening.value;
  const take: Take = (picking) => {
    setChoosing(false);
    onPicked(picking);
  };
  return (
    <div class="run-opener">
      <Button
        icon={now ? 'close' : 'upload'}
        onClick={() => {
          if (now) void client.worker.cancelImport().catch((error: unknown) => notices.report(error));
          else setChoosing(true);
        }}
      >
        {now ? 'Cancel' : 'Open a run'}
      </Button>
      {now ? (
        <div class="run-opening">
          <span class="small">
            {now.share === undefined ? `Looking at ${now.name}…` : `${now.name}: ${percentOf(now.share)}`}
          </span>
          <Progress label={`Copying ${now.name}`} value={now.share} />
        </div>
      ) : undefined}
      <span class="visually-hidden" role="status">
        {now ? `Opening ${now.name}${now.total === undefined ? '' : `, ${bytesOf(now.total)}`}` : ''}
      </span>
      <Dialog title="Open a run" open={choosing} onClose={() => setChoosing(false)}>
        <div class="stack run-choose">
          <p>
            The folder that <code>ocelli train</code> wrote on another machine, or a run that was exported
            from another browser, as a folder or a zip archive. It is copied into this browser.
          </p>
          <DropZone title="Drop the folder or the zip archive here" onDrop={(data) => take(dropped(data))}>
            <PickButtons onPicked={take} />
          </DropZone>
        </div>
      </Dialog>
    </div>
  );
}

/** A folder or an archive, by the dialogs of the browser. */
export function PickButtons({
  onPicked,
  disabled = false,
}: {
  readonly onPicked: Take;
  readonly disabled?: boolean;
}) {
  return (
    <>
      {'showDirectoryPicker' in window ? (
        <Button icon="folder" disabled={disabled} onClick={() => onPicked(pickFolder())}>
          Choose a folder
        </Button>
      ) : (
        <FileButton icon="folder" folder onFiles={(files) => onPicked(picked(files))}>
          Choose a folder
        </FileButton>
      )}
      <FileButton icon="archive" accept=".zip,application/zip" onFiles={(files) => onPicked(picked(files))}>
        Choose a zip
      </FileButton>
    </>
  );
}

const picked = async (files: File[]): Promise<Picked> => pickedFiles(files);

/** The view as a place to drop runs on. */
export function RunDrops({
  onPicked,
  children,
}: {
  readonly onPicked: Take;
  readonly children: ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (!over) return;
    // A drag that ends outside of the window says nothing here.
    const timer = setTimeout(() => setOver(false), 4000);
    return () => clearTimeout(timer);
  }, [over]);
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping has no keyboard; the button is the other way
    <div
      class={over ? 'run-drops over' : 'run-drops'}
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (event.defaultPrevented || !event.dataTransfer || !hasFiles(event)) return;
        event.preventDefault();
        onPicked(dropped(event.dataTransfer));
      }}
    >
      {children}
    </div>
  );
}
