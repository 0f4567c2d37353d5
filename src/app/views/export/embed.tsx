/** The model in a page of one's own: two lines of HTML to copy. */
import { useState } from 'preact/hooks';
import type { RunRecord } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Field } from '../../design/field.tsx';
import { Threshold } from '../../results/threshold.tsx';
import { useApp } from '../../state.ts';
import { embedSnippet } from './snippet.ts';

export function Embed({ record }: { readonly record: RunRecord }) {
  const { notices } = useApp();
  const [model, setModel] = useState('./model/');
  const [threshold, setThreshold] = useState(0.5);
  const detects = record.task === 'detection';
  const snippet = embedSnippet({ model, task: record.task, threshold: detects ? threshold : undefined });
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(snippet);
      notices.toast('Copied');
    } catch {
      notices.toast('The browser did not allow copying: select the text and copy it by hand');
    }
  };
  return (
    <Card
      title="In your own page"
      lead="Put the unpacked model folder and the widget’s folder (npm run build:widget makes it in dist/widget) on your web server, and these lines where visitors should try it."
      actions={
        <Button icon="copy" onClick={() => void copy()}>
          Copy
        </Button>
      }
    >
      <div class="stack">
        <div class="export-embed">
          <Field label="Where the model folder will lie">
            {(bound) => (
              <input
                {...bound}
                class="input"
                value={model}
                onInput={({ currentTarget }) => setModel(currentTarget.value)}
              />
            )}
          </Field>
          {detects ? <Threshold value={threshold} onChange={setThreshold} /> : undefined}
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
        <pre class="export-snippet" tabIndex={0}>
          {snippet}
        </pre>
      </div>
    </Card>
  );
}
