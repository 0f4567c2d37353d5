/** A view of one run that left a model: below its head the run that is chosen, or what to do where there is none yet. */
import type { ComponentChildren } from 'preact';
import type { RunRecord } from '../../client/index.ts';
import { ButtonLink } from '../design/button.tsx';
import { Card, Empty, ViewHead } from '../design/card.tsx';
import { linkTo } from '../route.ts';
import { useRun } from './run-picker.tsx';
import { modelOf } from './runs.ts';

export function ViewOfRun({
  title,
  lead,
  empty,
  children,
}: {
  readonly title: string;
  readonly lead: string;
  /** Said before the first run. */
  readonly empty: { readonly title: string; readonly text: string };
  /** Draws the run; `runs` are those that can be chosen instead. */
  children(runs: readonly RunRecord[], record: RunRecord): ComponentChildren;
}) {
  const { runs, record } = useRun((candidate) => modelOf(candidate) !== undefined);
  return (
    <>
      <ViewHead title={title} lead={lead} />
      {record ? (
        children(runs, record)
      ) : (
        <Card>
          <Empty title={empty.title}>
            <p>{empty.text}</p>
            <ButtonLink kind="primary" icon="play" href={linkTo('train')}>
              Train a model
            </ButtonLink>
          </Empty>
        </Card>
      )}
    </>
  );
}
