/** Counts in sentences: the number as people read it, and the noun that goes with it. */

/** 1234567 → "1,234,567", the same on every machine whatever its locale. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/**
 * The noun with its number: `counted(1, 'image')` → "1 image", `counted(1200, 'image')` → "1,200 images",
 * `counted(2, 'class', 'classes')` → "2 classes".
 */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : several}`;
}
