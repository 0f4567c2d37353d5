/** The data: where it comes from, what is in it, what is wrong with it. */
import { useSignalEffect } from '@preact/signals';
import { useState } from 'preact/hooks';
import { dropped, type Picked, pickedFiles, pickFolder } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, ViewHead } from '../../design/card.tsx';
import { DropZone, FileButton } from '../../design/drop-zone.tsx';
import { Choice, Field } from '../../design/field.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { Progress } from '../../design/progress.tsx';
import { type Notice, wordsOf } from '../../notices.ts';
import { useApp } from '../../state.ts';
import { DataContents } from './contents.tsx';
import { fetchData, useData, useSamples, useVolume } from './sources.ts';
import './data.css';

export function View() {
  const app = useApp();
  const { setup, data } = app;
  useSignalEffect(() => {
    if (setup.reading.value && setup.places.value) void data.want();
  });
  return (
    <>
      <ViewHead
        title="Data"
        lead="Pictures with classes or boxes. They are read where they lie and never leave this device."
      />
      <div class="stack">
        <Sources />
        <DataContents />
      </div>
    </>
  );
}

function Sources() {
  const app = useApp();
  const { notices, live } = app;
  const [busy, setBusy] = useState<{ readonly words: string; readonly share?: number }>();
  const [problem, setProblem] = useState<Omit<Notice, 'key'>>();
  const [address, setAddress] = useState('');
  /** One at a time; what goes wrong stands here, beside the button. */
  const take = async (words: string, work: () => Promise<string | undefined>): Promise<void> => {
    setBusy({ words });
    setProblem(undefined);
    try {
      const done = await work();
      if (done !== undefined) notices.toast(done);
    } catch (error) {
      // The user closed the browser's dialog.
      if (!(error instanceof DOMException && error.name === 'AbortError')) {
        setProblem({ tone: 'error', ...wordsOf(error) });
      }
    } finally {
      setBusy(undefined);
    }
  };
  const pick = (words: string, work: () => Promise<Picked | undefined>): Promise<void> =>
    take(words, async () => {
      const picked = await work();
      if (!picked) return undefined;
      setBusy({ words: `Looking into ${picked.name}…` });
      return useData(app, picked);
    });
  const disabled = busy !== undefined || live.isActive;
  return (
    <div class="grid data-sources">
      <Card
        title="Your pictures"
        lead="A folder per class, or COCO, VOC or YOLO annotations; a train and a val folder, or one for both"
      >
        <DropZone
          title="Drop a folder or a zip archive here"
          onDrop={(transfer) => {
            // The items are gone after this event.
            const picked = dropped(transfer);
            if (!disabled) void pick('Reading…', () => picked);
          }}
        >
          {'showDirectoryPicker' in window ? (
            <Button icon="folder" disabled={disabled} onClick={() => void pick('Reading…', pickFolder)}>
              Choose a folder
            </Button>
          ) : (
            <FileButton
              icon="folder"
              folder
              onFiles={(files) => void pick('Reading…', async () => pickedFiles(files))}
            >
              Choose a folder
            </FileButton>
          )}
          <FileButton
            icon="archive"
            accept=".zip,application/zip"
            onFiles={(files) => void pick('Reading…', async () => pickedFiles(files))}
          >
            Choose a zip
          </FileButton>
        </DropZone>
        <form
          class="field-with-button"
          onSubmit={(event) => {
            event.preventDefault();
            void pick('Downloading…', () =>
              fetchData(address, (share) => setBusy({ words: 'Downloading…', share })),
            );
          }}
        >
          <Field label="Or an address" help="A zip archive, or a folder with an index.json">
            {(bound) => (
              <input
                {...bound}
                class="input"
                type="url"
                inputMode="url"
                autocomplete="url"
                placeholder="https://…"
                value={address}
                onInput={({ currentTarget }) => setAddress(currentTarget.value)}
              />
            )}
          </Field>
          <Button type="submit" icon="link" disabled={disabled}>
            Fetch
          </Button>
        </form>
        <div class="data-busy" role="status">
          {busy ? (
            <>
              <p class="soft small">{busy.words}</p>
              <Progress label={busy.words} value={busy.share} />
            </>
          ) : undefined}
        </div>
        {problem ? (
          <div role="alert">
            <NoticeBox notice={problem} onDismiss={() => setProblem(undefined)} />
          </div>
        ) : undefined}
      </Card>
      <div class="stack">
        <SampleSet />
        <Volumes onUse={(place) => void take(`Looking into ${place}…`, () => useVolume(app, place))} />
      </div>
    </div>
  );
}

/** What the gateway offers, where the page came from one. */
function Volumes({ onUse }: { onUse(place: string): void }) {
  const { gateway, live } = useApp();
  const [folder, setFolder] = useState('');
  const volumes = gateway.value?.info.volumes ?? [];
  if (volumes.length === 0) return null;
  return (
    <Card title="Volumes" lead="Offered by the server that this page comes from">
      <form
        class="field-with-button"
        onSubmit={(event) => {
          event.preventDefault();
          onUse((folder.trim() || volumes[0]!.place).replace(/\/+$/, ''));
        }}
      >
        <Field label="Folder" help="With a folder for training and one for validation">
          {(bound) => (
            <>
              <input
                {...bound}
                class="input"
                list={`${bound.id}-places`}
                autocomplete="off"
                spellcheck={false}
                placeholder={volumes[0]!.place}
                value={folder}
                onInput={({ currentTarget }) => setFolder(currentTarget.value)}
              />
              <datalist id={`${bound.id}-places`}>
                {volumes.map(({ place }) => (
                  <option key={place} value={place} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Button type="submit" disabled={live.isActive}>
          Use
        </Button>
      </form>
    </Card>
  );
}

/** Generated shapes, whose options stand in their address. */
function SampleSet() {
  const app = useApp();
  const { setup } = app;
  const reading = setup.reading.value;
  const task = reading?.recipe?.model.task_type;
  const used = String(reading?.get(['data', 'train_data_path']) ?? '').startsWith('sample:');
  const use = (wanted: 'classification' | 'detection'): void => {
    void useSamples(app, wanted).catch((error: unknown) => app.notices.report(error));
  };
  return (
    <Card
      title="Sample shapes"
      lead="Generated pictures of five shapes: nothing to download, and the truth is known"
      actions={used ? <span class="badge">in use</span> : undefined}
    >
      <div class="stack">
        <p class="small">
          Classes differ in shape alone; size, colour, place and rotation are random. Learn to name the one
          shape of a picture, or to find several of them.
        </p>
        <Choice
          legend="What to learn from the sample shapes"
          value={used ? (task === 'detection' ? 'detection' : 'classification') : undefined}
          options={[
            { value: 'classification', label: 'Name the shape' },
            { value: 'detection', label: 'Find the shapes' },
          ]}
          onChange={use}
        />
      </div>
    </Card>
  );
}
