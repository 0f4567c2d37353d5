/** What came out of a run that is over: the model to download, and where to look next. */
import { useState } from 'preact/hooks';
import { Button, ButtonLink } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { download } from '../../download.ts';
import { durationOf, metricName, metricOf } from '../../format.ts';
import { linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';

export function Outcome() {
  const { live, client, notices } = useApp();
  const [packing, setPacking] = useState(false);
  const run = live.run.value;
  const { finished, evaluation } = live.facts.value;
  if (live.status.value !== 'finished' || run === undefined) return null;
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
