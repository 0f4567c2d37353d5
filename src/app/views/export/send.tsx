/** Where a run can go beside this machine: by a gateway into a volume that may be written and to MLflow, or to the recipe's MLflow. */
import { useEffect, useState } from 'preact/hooks';
import type { RunRecord } from '../../../client/index.ts';
import { counted } from '../../../core/index.ts';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Field } from '../../design/field.tsx';
import { bytesOf } from '../../format.ts';
import { folderName } from '../../results/runs.ts';
import { useApp } from '../../state.ts';

export interface SendProps {
  readonly record: RunRecord;
  readonly disabled: boolean;
  /** Says what is being done, does it, and says what went wrong. */
  work(what: string, make: () => Promise<void>): Promise<void>;
}

export function Send({ record: { run }, disabled, work }: SendProps) {
  const { gateway, client } = useApp();
  const [named, setNamed] = useState(false);
  useEffect(() => {
    void client.worker.readFile(`${run}/recipe.yaml`).then(
      async (file) => setNamed(await namesServer(await file.text())),
      () => setNamed(false),
    );
  }, [run]);
  const volumes = (gateway.value?.info.volumes ?? []).filter(({ write }) => write).map(({ place }) => place);
  const hasMlflow = named || Boolean(gateway.value?.info.mlflow);
  if (volumes.length === 0 && !hasMlflow) return null;
  return (
    <Card
      title="Send it on"
      lead={
        gateway.value
          ? 'Through the server that this page comes from: nothing is sent before you press a button.'
          : 'To the server that the recipe names: again, where something did not arrive.'
      }
    >
      <div class="stack">
        {volumes.length > 0 ? <ToVolume {...{ run, disabled, work, volumes }} /> : undefined}
        {hasMlflow ? <ToMlflow {...{ run, disabled, work }} /> : undefined}
      </div>
    </Card>
  );
}

/** Whether the recipe of a run names an MLflow server of its own, as `mlflow.tracking_uri`. */
async function namesServer(recipe: string): Promise<boolean> {
  const { readRecipe } = await import('../../recipe/index.ts');
  const server = readRecipe(recipe).get(['mlflow', 'tracking_uri']);
  return typeof server === 'string' && server !== '';
}

type Sending = Omit<SendProps, 'record'> & { readonly run: string };

function ToVolume({ run, disabled, work, volumes }: Sending & { readonly volumes: readonly string[] }) {
  const { client } = useApp();
  const [place, setPlace] = useState(`${volumes[0]}/${folderName(run)}`);
  const [written, setWritten] = useState<string>();
  const write = (what: string, folder: string, below: string): Promise<void> =>
    work(`Writing ${what}`, async () => {
      setWritten(undefined);
      const into = `${place.trim().replace(/\/+$/, '')}${below}`;
      const { files, bytes } = await client.worker.saveTo(folder, into);
      setWritten(`${counted(files, 'file')}, ${bytesOf(bytes)}, written to ${into}`);
    });
  return (
    <div class="send-volume">
      <Field label="Folder in a volume" help={`May be written: ${volumes.join(', ')}`}>
        {(bound) => (
          <input
            {...bound}
            class="input"
            autocomplete="off"
            spellcheck={false}
            value={place}
            onInput={({ currentTarget }) => setPlace(currentTarget.value)}
          />
        )}
      </Field>
      <div class="row">
        <Button
          icon="export"
          disabled={disabled || place.trim() === ''}
          onClick={() => void write('the model', `${run}/model`, '/model')}
        >
          Write the model
        </Button>
        <Button
          kind="quiet"
          icon="archive"
          disabled={disabled || place.trim() === ''}
          onClick={() => void write('the run', run, '')}
        >
          Write the whole run
        </Button>
      </div>
      <p class="soft small" role="status">
        {written}
      </p>
    </div>
  );
}

function ToMlflow({ run, disabled, work }: Sending) {
  const { client } = useApp();
  const [url, setUrl] = useState<string>();
  const push = (): Promise<void> =>
    work('Sending the run to MLflow', async () => {
      setUrl((await client.worker.push(run)).url);
    });
  return (
    <div class="row">
      <Button icon="export" disabled={disabled} onClick={() => void push()}>
        Send to MLflow
      </Button>
      <span class="soft small" role="status">
        {url === undefined ? undefined : (
          <a href={url} target="_blank" rel="noreferrer">
            The run in MLflow
          </a>
        )}
      </span>
    </div>
  );
}
