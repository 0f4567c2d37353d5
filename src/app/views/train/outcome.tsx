/**
 * What comes out of a run: the model to download, and where to look next. Its room is there from the start, so that nothing jumps
 * when the run is over.
 */
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
      <Card class="outcome coming">
        <div>
          <h2>Your model comes here</h2>
          <p>When the run is over you can download it, try it on new pictures, and look at its errors.</p>
        </div>
      </Card>
    );
  }
  if (status === 'stopped' && run !== undefined && checkpoint) {
    return (
      <Card class="outcome">
        <div>
          <h2>Stopped at step {countOf(checkpoint.step)}</h2>
          <p>Resume it any time, or use the model as it is now.</p>
        </div>
        <div class="row">
          <ButtonLink icon="try" href={linkTo('try', { run })}>
            Try it
          </ButtonLink>
          <ButtonLink icon="export" href={linkTo('export', { run })}>
            Make it a model
          </ButtonLink>
        </div>
      </Card>
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
    <Card class="outcome">
      <div>
        <h2>Your model is ready</h2>
        <p>
          {best === undefined
            ? ''
            : `${capital(metricName(best))} ${metricOf(best, metrics[best]!)} on pictures that it was not trained on. `}
          {finished ? `Trained in ${durationOf(finished.ms)}.` : ''}
        </p>
      </div>
      <div class="row">
        <Button kind="primary" icon="export" disabled={packing} onClick={() => void save()}>
          {packing ? 'Packing…' : 'Download model'}
        </Button>
        <ButtonLink icon="try" href={linkTo('try', { run })}>
          Try it
        </ButtonLink>
        <ButtonLink icon="errors" href={linkTo('errors', { run })}>
          See its errors
        </ButtonLink>
      </div>
    </Card>
  );
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
