/** The last runs of this browser, to go on with or to look at. */
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Table } from '../../design/table.tsx';
import { metricName, metricOf } from '../../format.ts';
import { canResume, canStartAgain, goOnWith, startOf } from '../../results/runs.ts';
import { linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';

const shownRuns = 5;

export function RecentRuns() {
  const app = useApp();
  const { runs } = app;
  const recent = runs.value.slice(0, shownRuns);
  if (recent.length === 0) return null;
  return (
    <Card title="Runs in this browser" class="recent">
      <Table
        caption="The last runs"
        columns={[
          { title: 'Run' },
          { title: 'State' },
          { title: 'Step', number: true },
          { title: 'Result' },
          { title: '' },
        ]}
        rows={recent.map((record) => {
          const { run, name, status, step, totalSteps, metrics } = record;
          return {
            key: run,
            cells: [
              <a key="name" href={linkTo('runs', { run })}>
                {name}
                <span class="soft small"> {startOf(record)}</span>
              </a>,
              status,
              `${step} / ${totalSteps}`,
              bestMetric(metrics),
              canResume(record) ? (
                <Button key="resume" size="small" onClick={() => goOnWith(app, record)}>
                  Resume<span class="visually-hidden"> {name}</span>
                </Button>
              ) : canStartAgain(record) ? (
                <Button key="again" size="small" onClick={() => goOnWith(app, record)}>
                  Start again<span class="visually-hidden"> {name}</span>
                </Button>
              ) : undefined,
            ],
          };
        })}
      />
    </Card>
  );
}

/** The metric that says most about a run. */
function bestMetric(metrics: Readonly<Record<string, number>>): string {
  const name = ['val_map', 'val_accuracy', 'val_loss'].find((candidate) => metrics[candidate] !== undefined);
  return name === undefined ? '' : `${metricName(name)} ${metricOf(name, metrics[name]!)}`;
}
