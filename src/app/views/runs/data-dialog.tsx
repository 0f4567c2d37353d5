/** The data of a run that was trained elsewhere: which folders its recipe names, and one to pick for each. */
import { useEffect, useState } from 'preact/hooks';
import {
  dropped,
  type MissingData,
  type MissingFolder,
  type Picked,
  type RunRecord,
} from '../../../client/index.ts';
import { Button, ButtonLink } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { DropZone } from '../../design/drop-zone.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { type Notice, wordsOf } from '../../notices.ts';
import { canResume, canStartAgain, goOnWith } from '../../results/runs.ts';
import { goTo, linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { PickButtons } from './opener.tsx';

export function DataDialog({ record }: { readonly record: RunRecord | undefined }) {
  return (
    <Dialog
      title={record ? `Data of “${record.name}”` : ''}
      open={record !== undefined}
      onClose={() => goTo('runs', record ? { runs: record.run } : {})}
    >
      {record ? <RunData key={record.run} record={record} /> : undefined}
    </Dialog>
  );
}

function RunData({ record }: { readonly record: RunRecord }) {
  const app = useApp();
  const { client, refreshRuns } = app;
  const { run } = record;
  const [missing, setMissing] = useState<MissingData>();
  const [problem, setProblem] = useState<Omit<Notice, 'key'>>();
  const [busy, setBusy] = useState(false);
  const take = async (work: () => Promise<MissingData | undefined>): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      const left = await work();
      if (!left) return;
      setMissing(left);
      await refreshRuns();
    } catch (error) {
      // The user closed the browser's dialog.
      if (!(error instanceof DOMException && error.name === 'AbortError')) {
        setProblem({ tone: 'error', ...wordsOf(error) });
      }
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    void take(() => client.worker.missingData(run));
  }, []);
  const give = (folder: MissingFolder, picking: Promise<Picked | undefined>): void =>
    void take(async () => {
      const picked = await picking;
      return picked && client.worker.giveData(run, folder.path, picked.source);
    });
  const complete = missing && missing.folders.length === 0 && missing.closed.length === 0;
  return (
    <div class="stack run-data">
      {missing?.folders.map((folder) => (
        <section key={folder.path} class="stack">
          <p>
            The recipe reads <code class="run-place">{folder.path}</code> of where it was trained
            {folder.expected.length > 0 ? (
              <>
                , with <strong>{folder.expected.join(', ')}</strong> in it
              </>
            ) : undefined}
            . Choose the same pictures here: the run goes on with them.
          </p>
          <DropZone
            title="Drop that folder or a zip archive of it here"
            onDrop={(data) => give(folder, dropped(data))}
          >
            <PickButtons disabled={busy} onPicked={(picking) => give(folder, picking)} />
          </DropZone>
        </section>
      ))}
      {missing && missing.closed.length > 0 ? <ClosedPlaces places={missing.closed} /> : undefined}
      {problem ? (
        <div role="alert">
          <NoticeBox notice={problem} onDismiss={() => setProblem(undefined)} />
        </div>
      ) : undefined}
      <div role="status">{complete ? <p>All of its data are open.</p> : undefined}</div>
      {complete ? (
        <div class="row">
          {canResume(record) || canStartAgain(record) ? (
            <Button
              kind="primary"
              icon="play"
              disabled={app.live.isActive}
              onClick={() => goOnWith(app, record)}
            >
              {canResume(record) ? 'Resume' : 'Start again'}
            </Button>
          ) : undefined}
          <ButtonLink href={linkTo('errors', { run })}>Errors</ButtonLink>
        </div>
      ) : undefined}
    </div>
  );
}

function ClosedPlaces({ places }: { readonly places: MissingData['closed'] }) {
  return (
    <NoticeBox
      notice={{
        tone: 'warning',
        title: 'This page can’t read all of its data',
        text: 'What to do: open the page from a gateway that offers these places (docs/gateway.md), go on with the run where it was trained, or start another with a copy of the pictures in the view Data.',
        details: places.map(({ key, place }) => `${key}: ${place}`),
      }}
    />
  );
}
