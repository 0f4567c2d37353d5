/**
 * Files that are let go beside a drop zone. A browser opens such a file in place of the page, and with the page would go a run that
 * is under way. Here nothing happens instead; texts that are dragged into fields go their usual way.
 */

export function ignoreStrayDrops(): void {
  for (const type of ['dragover', 'drop'] as const) {
    window.addEventListener(type, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    });
  }
}
