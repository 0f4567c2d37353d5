/** A small drawing kit: boxes, labels, bars. Every function returns a new picture. */
export { type BoxMark, drawBoxes } from './boxes.ts';
export { classColor } from './colors.ts';
export { type Bar, drawBars, sideBySide } from './panels.ts';
