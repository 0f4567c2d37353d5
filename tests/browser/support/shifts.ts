/**
 * What has moved on a page without its user's doing, as browsers measure it (https://wicg.github.io/layout-instability/): each shift
 * with its value, and with the elements that moved and how far, so that a test that fails says what to mend.
 */
import type { Page } from 'playwright-core';

export interface Shift {
  readonly value: number;
  /** Milliseconds since the page was loaded. */
  readonly at: number;
  /** `div.outcome 0,520 → 0,390`, the largest first; at most five, as the browser tells. */
  readonly moved: readonly string[];
}

/** The shifts since the page was loaded, without those that followed an input. */
export const shiftsOf = (page: Page): Promise<Shift[]> =>
  page.evaluate(
    () =>
      new Promise<Shift[]>((resolve) => {
        interface Source {
          readonly node: Node | null;
          readonly previousRect: DOMRectReadOnly;
          readonly currentRect: DOMRectReadOnly;
        }
        type Entry = PerformanceEntry & {
          readonly value: number;
          readonly hadRecentInput: boolean;
          readonly sources: readonly Source[];
        };
        const shifts: Shift[] = [];
        const named = (node: Node | null): string => {
          const element = node instanceof Element ? node : node?.parentElement;
          if (!element) return 'an element that is gone';
          return `${element.tagName.toLowerCase()}.${(element.getAttribute('class') ?? '').replaceAll(' ', '.')}`;
        };
        const corner = ({ x, y, width, height }: DOMRectReadOnly): string =>
          `${[x, y].map(Math.round)} (${[width, height].map(Math.round).join('×')})`;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as Entry[]) {
            if (entry.hadRecentInput) continue;
            shifts.push({
              value: entry.value,
              at: entry.startTime,
              moved: entry.sources.map(
                ({ node, previousRect, currentRect }) =>
                  `${named(node)} ${corner(previousRect)} → ${corner(currentRect)}`,
              ),
            });
          }
        }).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(shifts), 300);
      }),
  );

/** How far things have moved since the page was loaded: cumulative layout shift. */
export async function layoutShift(page: Page): Promise<number> {
  return (await shiftsOf(page)).reduce((sum, { value }) => sum + value, 0);
}
