/**
 * Keeps the focus where its user is. Where the element that has it goes away (Stop when the run is over, the option that is chosen
 * now, a message that is put away), browsers give it to the page: screen readers say nothing, and the next Tab begins at the top.
 * Here it goes to the heading of the nearest part that is still there, which is read out and from which Tab leads on.
 */

/** Watches everything below this element, for as long as the page is open. */
export function keepFocus(root: Element): void {
  /** The element that had the focus, and all around it from the inside out: once it is gone nobody else knows. */
  let path: readonly Element[] = [];
  root.addEventListener('focusin', ({ target }) => {
    path = [...around(target as Element, root)];
  });
  new MutationObserver(() => {
    const [last, ...parts] = path;
    if (!last || last.isConnected || document.activeElement !== document.body) return;
    path = [];
    const left = parts.filter((part) => part.isConnected);
    const heading = [...left, document.querySelector('main')].map(headingOf).find(Boolean);
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }).observe(root, { childList: true, subtree: true });
}

/** Without the frame of all views: its first heading is that of the navigation. */
function* around(element: Element, root: Element): Generator<Element> {
  for (let at: Element | null = element; at && at.parentElement !== root; at = at.parentElement) yield at;
}

/** The first that can be seen. */
function headingOf(part: Element | null): HTMLElement | undefined {
  const headings = part?.querySelectorAll<HTMLElement>('h1, h2, h3') ?? [];
  return [...headings].find((heading) => heading.checkVisibility() && !heading.closest('[aria-hidden=true]'));
}
