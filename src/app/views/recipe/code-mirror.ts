/** CodeMirror with YAML: line numbers, colours, problems at their lines. A file of its own, loaded when it is needed. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Reading } from '../../recipe/index.ts';

export interface Editor {
  /** Takes over a text from elsewhere; the cursor stays where it is in what did not change. */
  setText(text: string): void;
  showProblems(problems: Reading['problems']): void;
  /** Puts the cursor there and the focus into the editor. */
  goTo(place: { readonly line: number; readonly column: number }): void;
  close(): void;
}

const look = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'var(--paper)', color: 'var(--ink)', height: '100%' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-gutters': { backgroundColor: 'var(--paper)', color: 'var(--ink-soft)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--cell)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--accent-soft) !important',
  },
  '.cm-tooltip': { backgroundColor: 'var(--paper)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-diagnostic': { fontFamily: 'var(--font)', whiteSpace: 'pre-wrap', maxWidth: '32rem' },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--c1)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--c2)' },
  { tag: [tags.string, tags.content], color: 'var(--ink)' },
  { tag: tags.comment, color: 'var(--ink-soft)', fontStyle: 'italic' },
  { tag: [tags.punctuation, tags.separator], color: 'var(--ink-soft)' },
]);

export function openEditor(parent: HTMLElement, text: string, onChange: (text: string) => void): Editor {
  let taking = false;
  // In a tree of its own the editor's styles are made by code; in the page it would add style elements, which a strict
  // content security policy forbids.
  const root = parent.attachShadow({ mode: 'open' });
  const view = new EditorView({
    parent: root as unknown as Element,
    root,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        EditorView.lineWrapping,
        highlightActiveLine(),
        highlightActiveLineGutter(),
        yaml(),
        syntaxHighlighting(colours),
        look,
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ 'aria-label': 'Recipe as YAML', tabindex: '0' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !taking) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    setText(next) {
      const now = view.state.doc.toString();
      if (now === next) return;
      taking = true;
      view.dispatch({ changes: difference(now, next) });
      taking = false;
    },
    showProblems(problems) {
      const { doc } = view.state;
      const diagnostics = problems.map(({ line, column, text }): Diagnostic => {
        const at = doc.line(Math.min(Math.max(1, line), doc.lines));
        const from = Math.min(at.from + column - 1, at.to);
        return { from, to: Math.max(from, at.to), severity: 'error', message: text };
      });
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
    goTo({ line, column }) {
      const at = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      const anchor = Math.min(at.from + column - 1, at.to);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      view.focus();
    },
    close: () => view.destroy(),
  };
}

/** The one piece in which two texts differ. */
function difference(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0;
  while (from < before.length && from < after.length && before[from] === after[from]) from++;
  let same = 0;
  while (
    same < before.length - from &&
    same < after.length - from &&
    before[before.length - 1 - same] === after[after.length - 1 - same]
  ) {
    same++;
  }
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}
