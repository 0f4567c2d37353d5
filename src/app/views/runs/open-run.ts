/** A run folder that was picked or dropped becomes a run of this browser; what it needs to go on is said at its end. */
import type { ImportedRun, Picked } from '../../../client/index.ts';
import { wordsOf } from '../../notices.ts';
import { goTo } from '../../route.ts';
import type { App } from '../../state.ts';

const key = 'opened-run';

/** Resolves to the run, when it is one of this browser now. Errors are told. */
export async function openRun(app: App, picking: Promise<Picked | undefined>): Promise<string | undefined> {
  const { client, notices, opening, refreshRuns } = app;
  /** What is being opened by this call. */
  let own: string | undefined;
  try {
    const picked = await picking;
    if (!picked) return undefined;
    if (opening.peek()) {
      notices.toast('One run at a time: another is being opened');
      return undefined;
    }
    const { name } = picked;
    own = name;
    notices.dismiss(key);
    opening.value = { name, share: undefined, total: undefined };
    // Browsers agree sooner when the user has just done something.
    void client.persist().catch(() => false);
    const imported = await client.importRun(picked, ({ bytes, total }) => {
      opening.value = { name, total, share: total ? bytes / total : undefined };
    });
    if (!imported) {
      notices.toast(`“${name}” is not opened: nothing of it was kept`);
      return undefined;
    }
    await refreshRuns();
    tell(app, imported);
    return imported.run;
  } catch (error) {
    // The user closed the browser's dialog.
    if (!(error instanceof DOMException && error.name === 'AbortError')) {
      const words = wordsOf(error);
      const title = own === undefined ? words.title : `“${own}” can’t be opened`;
      notices.show({ key, tone: 'error', ...words, title });
    }
    return undefined;
  } finally {
    if (own !== undefined) opening.value = undefined;
  }
}

function tell({ notices, runs, route }: App, { run, name, known, notes }: ImportedRun): void {
  const record = runs.value.find((other) => other.run === run);
  const needsData = !known && record?.dataMissing !== undefined;
  const elsewhere = route.peek().view !== 'runs';
  const title = known ? `“${name}” is here already` : `“${name}” is a run of this browser now`;
  if (!needsData && notes.length === 0 && !elsewhere) {
    notices.toast(title);
    return;
  }
  notices.show({
    key,
    tone: needsData ? 'info' : 'good',
    title,
    text: needsData
      ? `Its curves, its model and its checkpoints are here. To go on with it, or to see its errors, open its data: ${record!.dataMissing!.join(', ')}.`
      : undefined,
    details: notes,
    actions: [
      ...(needsData ? [act('Open its data', () => goTo('runs', { data: run }))] : []),
      ...(elsewhere ? [act('Look at it', () => goTo('runs', { runs: run }))] : []),
    ].map(({ label, run: work }) => ({
      label,
      run() {
        notices.putAway(key);
        work();
      },
    })),
  });
}

const act = (label: string, run: () => void): { readonly label: string; run(): void } => ({ label, run });
