/** The YAML side. The editor is loaded when it is first shown; until then, and without it, the text is a plain text field. */
import { useSignalEffect } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { useApp } from '../../state.ts';
import type { Editor } from './code-mirror.ts';

export function YamlEditor({
  place,
}: {
  /** Where to put the cursor; a new object moves it again. */
  readonly place: { readonly line: number; readonly column: number } | undefined;
}) {
  const { setup, notices } = useApp();
  const frame = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const wanted = useRef(place);
  wanted.current = place;
  useEffect(() => {
    let over = false;
    import('./code-mirror.ts').then(
      ({ openEditor }) => {
        if (over || !frame.current) return;
        editor.current = openEditor(frame.current, setup.recipe.peek(), (text) => {
          setup.recipe.value = text;
        });
        editor.current.showProblems(setup.reading.peek()?.problems ?? []);
        if (wanted.current) editor.current.goTo(wanted.current);
      },
      (error: unknown) => notices.report(error),
    );
    return () => {
      over = true;
      editor.current?.close();
    };
  }, []);
  useSignalEffect(() => {
    const text = setup.recipe.value;
    const reading = setup.reading.value;
    editor.current?.setText(text);
    if (reading?.text === text) editor.current?.showProblems(reading.problems);
  });
  // Before the next frame: what is typed after a click on a problem belongs to the editor.
  useLayoutEffect(() => {
    if (place) editor.current?.goTo(place);
  }, [place]);
  return <div class="yaml-editor" ref={frame} />;
}
