/** The lines that put a model into any page. */

/** The widget's build (`dist/widget`), beside the page that embeds it. */
const script = './widget/ocelli-widget.js';

export interface Embedding {
  /** Where the unpacked model folder will lie, as the page sees it. */
  readonly model: string;
  readonly task: string;
  /** For detections. */
  readonly threshold?: number | undefined;
}

export function embedSnippet({ model, task, threshold }: Embedding): string {
  const attributes = [
    `model="${escaped(model)}"`,
    `task="${escaped(task)}"`,
    ...(threshold === undefined ? [] : [`threshold="${threshold}"`]),
  ];
  return `<script type="module" src="${script}"></script>
<ocelli-predict ${attributes.join(' ')}></ocelli-predict>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => entities[letter]!);
