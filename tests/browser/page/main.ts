/** A page without a face: it puts the client where tests reach it (`window.ocelli`). */
import * as client from '../../../src/client/index.ts';

export type PageApi = typeof client;

declare global {
  interface Window {
    ocelli: PageApi;
  }
}

window.ocelli = client;
