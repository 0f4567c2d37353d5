/** The page's colours for what is drawn on canvases, where CSS variables are not known. */

export interface Colours {
  readonly ink: string;
  readonly line: string;
  readonly paper: string;
  readonly palette: string[];
}

let known: Colours | undefined;
const listeners = new Set<() => void>();

export function colours(): Colours {
  known ??= readColours();
  return known;
}

/** Tells when light became dark or the other way; returns how to stop. */
export function onColourChange(listener: () => void): () => void {
  if (listeners.size === 0) watch();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let watching = false;

function watch(): void {
  if (watching) return;
  watching = true;
  const changed = (): void => {
    known = undefined;
    for (const listener of listeners) listener();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ['data-theme'] });
}

/** Custom properties with `light-dark()` have a value only where they are used: an element is asked. */
function readColours(): Colours {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const colourOf = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    ink: colourOf('--ink-soft'),
    line: colourOf('--line'),
    paper: colourOf('--paper'),
    palette: ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'].map(colourOf),
  };
  probe.remove();
  return found;
}
