/** The wire between a page and its workers: Comlink, with errors that keep class, code and fix. */
export { prepareCrossing } from '../crossing.ts';
