/**
 * What comes out of a run: the model to download, and where to look next. Its room is there from the start, so that nothing jumps
 * when the run is over.
 */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Button, ButtonLink } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { download } from '../../download.ts';
import { countOf, durationOf, metricName, metricOf } from '../../format.ts';
import { linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';

export function Outcome() {
  const { live, client, notices } = useApp();
  const [packing, setPacking] = useState(false);
  const run = live.run.value;
  const { finished, evaluation, checkpoint } = live.facts.value;
  const status = live.status.value;
  if (live.isActive) {
    return (
      <Part class="coming" title="Your model comes here">
        When the run is over you can download it, try it on new pictures, and look at its errors.
      </Part>
    );
  }
  if (status === 'failed') {
    return (
      <Part class="coming" title="The run ended with an error">
        {checkpoint
          ? `What it has learned up to step ${countOf(checkpoint.step)} is kept, and it can be resumed from there.`
          : 'There is no checkpoint of it yet.'}{' '}
        The notices say what happened and what helps.
      </Part>
    );
  }
  if (status === 'stopped' && run !== undefined) {
    return (
      <Part
        title={checkpoint ? `Stopped at step ${countOf(checkpoint.step)}` : 'Stopped'}
        actions={
          checkpoint ? (
            <>
              <ButtonLink icon="try" href={linkTo('try', { run })}>
                Try it
              </ButtonLink>
              <ButtonLink icon="export" href={linkTo('export', { run })}>
                Make it a model
              </ButtonLink>
            </>
          ) : undefined
        }
      >
        {checkpoint
          ? 'Resume it any time, or use the model as it is now.'
          : 'Before its first checkpoint: there is nothing to resume from.'}
      </Part>
    );
  }
  if (status !== 'finished' || run === undefined) return null;
  const save = async (): Promise<void> => {
    setPacking(true);
    try {
      download(await client.worker.zipFolder(`${run}/model`), `${run.split('/').at(-1)}-model.zip`);
      notices.toast('The model was saved as a zip file');
    } catch (error) {
      notices.report(error);
    } finally {
      setPacking(false);
    }
  };
  const metrics = finished?.metrics ?? evaluation?.metrics ?? {};
  const best = ['test_map', 'val_map', 'test_accuracy', 'val_accuracy'].find(
    (name) => metrics[name] !== undefined,
  );
  return (
    <Part
      title="Your model is ready"
      actions={
        <>
          <Button kind="primary" icon="export" disabled={packing} onClick={() => void save()}>
            {packing ? 'Packing…' : 'Download model'}
          </Button>
          <ButtonLink icon="try" href={linkTo('try', { run })}>
            Try it
          </ButtonLink>
          <ButtonLink icon="errors" href={linkTo('errors', { run })}>
            See its errors
          </ButtonLink>
        </>
      }
    >
      {best === undefined
        ? ''
        : `${capital(metricName(best))} ${metricOf(best, metrics[best]!)} on pictures that it was not trained on. `}
      {finished ? `Trained in ${durationOf(finished.ms)}.` : ''}
    </Part>
  );
}

/** What is said now, in the room of the longest that will be said. */
function Part({
  title,
  actions,
  class: extra = '',
  children,
}: {
  readonly title: string;
  readonly actions?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <Card class={`outcome ${extra}`}>
      <div class="outcome-part outcome-room" aria-hidden="true">
        <div>
          <h2>…</h2>
          <p>Accuracy 100.0 % on pictures that it was not trained on. Trained in 10 min 10 s.</p>
        </div>
        <div class="row">
          {['Download model', 'Try it', 'See its errors'].map((label) => (
            <Button key={label} icon="export" disabled>
              {label}
            </Button>
          ))}
        </div>
      </div>
      <div class="outcome-part">
        <div>
          <h2>{title}</h2>
          <p>{children}</p>
        </div>
        {actions ? <div class="row">{actions}</div> : undefined}
      </div>
    </Card>
  );
}

/** `Accuracy`; `mAP` has its capitals. */
const capital = (text: string): string =>
  /[A-Z]/.test(text) ? text : text[0]!.toUpperCase() + text.slice(1);
