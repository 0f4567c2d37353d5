/** A run, live: how far it is, its curves, what the model says about validation images now. */
import { Button } from '../../design/button.tsx';
import { Card, Tiles, ViewHead } from '../../design/card.tsx';
import { LineChart } from '../../design/chart.tsx';
import { Picture } from '../../design/picture.tsx';
import { Progress } from '../../design/progress.tsx';
import { durationOf, numberOf } from '../../format.ts';
import { useApp } from '../../state.ts';

export function Dashboard() {
  const { live } = useApp();
  const { lastStep, started } = live.facts.value;
  const { loss } = live.curves;
  const preview = live.preview.value;
  const left = live.remainingMs.value;
  return (
    <>
      <ViewHead title={started?.runName ?? 'Starting'} lead={started?.device}>
        <RunButtons />
      </ViewHead>
      <div class="stack">
        <Progress
          label="Progress of the run"
          value={lastStep ? lastStep.step / lastStep.total_steps : undefined}
        />
        <Tiles
          tiles={[
            { name: 'Step', value: lastStep ? `${lastStep.step} / ${lastStep.total_steps}` : undefined },
            { name: 'Loss', value: lastStep ? numberOf(lastStep.loss) : undefined },
            { name: 'Images/s', value: lastStep ? numberOf(lastStep.images_per_second) : undefined },
            { name: 'Left', value: left === undefined ? undefined : durationOf(left) },
          ]}
        />
        <Card title="Loss">
          <LineChart
            title="Loss by step"
            summary={lastStep ? `Now ${numberOf(lastStep.loss)}` : 'No step yet'}
            series={[{ name: 'loss', points: loss.points }]}
            format={numberOf}
          />
        </Card>
        <Card title="Predictions">
          <div class="pictures">
            {preview?.images.map(({ index, fileName, prediction, truth }) => (
              <Picture
                key={index}
                name={fileName}
                blob={live.pictures.value.get(index)}
                classes={preview.classes}
                prediction={prediction}
                truth={truth}
              />
            ))}
          </div>
        </Card>
      </div>
    </>
  );
}

function RunButtons() {
  const { live, notices } = useApp();
  const status = live.status.value;
  const tell = (work: Promise<void>): void => void work.catch((error: unknown) => notices.report(error));
  return (
    <>
      {status === 'paused' ? (
        <Button kind="primary" icon="play" onClick={() => tell(live.proceed())}>
          Go on
        </Button>
      ) : (
        <Button icon="pause" disabled={status !== 'running'} onClick={() => tell(live.pause())}>
          Pause
        </Button>
      )}
      <Button
        icon="stop"
        disabled={!live.isActive || status === 'stopping'}
        onClick={() => tell(live.stop())}
      >
        Stop
      </Button>
    </>
  );
}
