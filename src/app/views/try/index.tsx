/** Any model on any picture: dropped, pasted, chosen, by address or from the camera. */
import { useEffect, useState } from 'preact/hooks';
import { httpFolder, mountPath, type Places } from '../../../client/index.ts';
import { DataError, RemoteError } from '../../../core/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Empty, ViewHead } from '../../design/card.tsx';
import { DropZone, FileButton } from '../../design/drop-zone.tsx';
import { Field } from '../../design/field.tsx';
import { modelOf, titleOf } from '../../results/runs.ts';
import { Threshold } from '../../results/threshold.tsx';
import { goTo } from '../../route.ts';
import { shippedModels } from '../../shipped.ts';
import { useApp } from '../../state.ts';
import { Camera } from './camera.tsx';
import { predictPicture, type Tried, TriedPicture } from './picture.tsx';
import './try.css';

/** What can be tried: runs of this browser, the models that come with the page, any other place. */
interface Candidate {
  readonly id: string;
  readonly title: string;
  readonly model: string;
  places?(): Promise<Places>;
}

/** Older results go: their pictures take memory. */
const mostResults = 24;

export function View() {
  const { runs, route, setup } = useApp();
  const candidates: Candidate[] = [
    ...runs.value.flatMap((record) => {
      const model = modelOf(record);
      return model === undefined ? [] : [{ id: record.run, title: titleOf(record), model }];
    }),
    ...shippedModels.map(({ name, title }) => ({
      id: name,
      title: `${title} (comes with this page)`,
      model: mountPath(name),
      places: async () => {
        const { source } = await httpFolder(new URL(`models/${name}/`, document.baseURI).href);
        return { [mountPath(name)]: source };
      },
    })),
  ];
  const asked = route.value.params.run;
  const known = candidates.find(({ id }) => id === asked);
  const other = asked !== undefined && !known ? asked : undefined;
  const chosen =
    known ??
    (other === undefined
      ? candidates[0]
      : { id: other, title: other, model: other, places: async () => setup.places.peek() });
  return (
    <>
      <ViewHead
        title="Try it"
        lead="Show a model pictures that it has never seen. They stay on this device."
      />
      <div class="stack">
        <ModelChoice candidates={candidates} chosen={chosen} />
        {chosen ? (
          <TryModel key={chosen.id} candidate={chosen} />
        ) : (
          <Card>
            <Empty title="No model yet">
              <p>Train one, or name a model of the hub above.</p>
            </Empty>
          </Card>
        )}
      </div>
    </>
  );
}

const elsewhere = '#elsewhere';

function ModelChoice({
  candidates,
  chosen,
}: {
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate | undefined;
}) {
  const listed = candidates.some(({ id }) => id === chosen?.id);
  const [naming, setNaming] = useState(!listed && chosen !== undefined);
  const [name, setName] = useState(listed ? '' : (chosen?.id ?? ''));
  return (
    <div class="try-choose">
      <Field label="Model">
        {(bound) => (
          <select
            {...bound}
            class="input"
            value={naming || !chosen ? elsewhere : chosen.id}
            onChange={({ currentTarget: { value } }) => {
              setNaming(value === elsewhere);
              if (value !== elsewhere) goTo('try', { run: value });
            }}
          >
            {candidates.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
            <option value={elsewhere}>A model of the Hugging Face hub…</option>
          </select>
        )}
      </Field>
      {naming || !chosen ? (
        <form
          class="row try-hub"
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== '') goTo('try', { run: name.trim() });
          }}
        >
          <Field label="Hub id" help="organisation/name, for example hustvl/yolos-tiny">
            {(bound) => (
              <input
                {...bound}
                class="input"
                value={name}
                onInput={({ currentTarget }) => setName(currentTarget.value)}
              />
            )}
          </Field>
          <Button type="submit">Use it</Button>
        </form>
      ) : undefined}
    </div>
  );
}

function TryModel({ candidate }: { readonly candidate: Candidate }) {
  const { client } = useApp();
  const [results, setResults] = useState<readonly Tried[]>([]);
  const [threshold, setThreshold] = useState(0.5);
  const [address, setAddress] = useState('');
  const [filming, setFilming] = useState(false);

  const update = (tried: Tried): void =>
    setResults((before) =>
      before.some(({ key }) => key === tried.key)
        ? before.map((old) => (old.key === tried.key ? tried : old))
        : [tried, ...before].slice(0, mostResults),
    );
  const show = async (picture: Blob, name: string): Promise<void> => {
    const waiting: Tried = { key: nextKey(), name, picture, state: 'waiting' };
    update(waiting);
    update(await predictPicture(client, candidate, waiting));
  };
  const showAll = async (files: readonly File[]): Promise<void> => {
    for (const file of files) await show(file, file.name);
  };
  const showAddress = async (text: string): Promise<void> => {
    if (text === '') return;
    const waiting: Tried = { key: nextKey(), name: text, state: 'waiting' };
    update(waiting);
    try {
      const picture = await fetchPicture(text);
      update(await predictPicture(client, candidate, { ...waiting, picture }));
      setAddress('');
    } catch (error) {
      update({ ...waiting, state: 'failed', error });
    }
  };
  /** Files, or the address of a picture: pages give that when their pictures are dragged or copied. */
  const take = (data: DataTransfer, name: string): void => {
    const files = [...data.files];
    if (files.length > 0) return void showAll(files);
    const text = (data.getData('text/uri-list') || data.getData('text/plain')).trim();
    if (/^https?:\/\/\S+$/.test(text)) return void showAddress(text);
    update({ key: nextKey(), name, state: 'failed', error: noPicture(text) });
  };
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const writing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (!event.clipboardData || (writing && event.clipboardData.files.length === 0)) return;
      event.preventDefault();
      take(event.clipboardData, 'What was pasted');
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, []);

  const detects = results.some((tried) => tried.state === 'there' && tried.prediction.task === 'detection');
  return (
    <>
      <Card>
        <DropZone
          title="Drop pictures here, or paste them"
          icon="pictures"
          onDrop={(data) => take(data, 'What was dropped')}
        >
          <FileButton accept="image/*" multiple icon="folder" onFiles={(files) => void showAll(files)}>
            Choose pictures
          </FileButton>
          <Button icon="camera" onClick={() => setFilming(!filming)} aria-pressed={filming}>
            {filming ? 'Stop the camera' : 'Use the camera'}
          </Button>
        </DropZone>
        <form
          class="row try-address"
          onSubmit={(event) => {
            event.preventDefault();
            void showAddress(address.trim());
          }}
        >
          <Field label="Address of a picture">
            {(bound) => (
              <input
                {...bound}
                class="input"
                type="url"
                placeholder="https://…"
                value={address}
                onInput={({ currentTarget }) => setAddress(currentTarget.value)}
              />
            )}
          </Field>
          <Button type="submit" icon="link" disabled={address.trim() === ''}>
            Fetch
          </Button>
        </form>
      </Card>
      {filming ? (
        <Camera
          candidate={candidate}
          threshold={threshold}
          onThreshold={setThreshold}
          onEnd={() => setFilming(false)}
        />
      ) : undefined}
      <Card
        title="Predictions"
        actions={detects ? <Threshold value={threshold} onChange={setThreshold} /> : undefined}
      >
        <div aria-live="polite">
          {results.length === 0 ? (
            <Empty title="Nothing shown yet">
              <p>What the model says about a picture appears here, with how long it took.</p>
            </Empty>
          ) : (
            <ul class="plain try-results">
              {results.map((tried) => (
                <li key={tried.key}>
                  <TriedPicture tried={tried} threshold={threshold} />
                </li>
              ))}
            </ul>
          )}
        </div>
      </Card>
    </>
  );
}

let keys = 0;
const nextKey = (): number => keys++;

function noPicture(text: string): DataError {
  return new DataError({
    code: 'image_unreadable',
    expected: 'a picture, or the address of one',
    received:
      text === '' ? 'something else' : `the text “${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`,
    fix: 'copy the picture itself (in a browser: “Copy image”), or choose a file',
  });
}

async function fetchPicture(address: string): Promise<Blob> {
  const url = new URL(address, document.baseURI);
  const failed = (received: string, fix: string, cause?: unknown): RemoteError =>
    new RemoteError({
      code: 'picture_not_fetched',
      expected: `a picture from ${url.host}`,
      received,
      fix,
      cause,
    });
  const response = await fetch(url).catch((cause: unknown) => {
    throw failed(
      'no answer that this page may read',
      'check the address; a server that does not allow other pages to read it (CORS) can’t be helped: save the picture and drop the file',
      cause,
    );
  });
  if (!response.ok) throw failed(`status ${response.status}`, 'check the address');
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw failed('a page', 'use the address of the picture itself');
  }
  return response.blob();
}
