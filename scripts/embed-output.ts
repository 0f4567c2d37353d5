/** Steps of the builds of the widget for the npm package (vite.config.ts): files that stand alone, and are named by the page. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import * as core from '../src/core/index.ts';

/** `'address:./file.js'` becomes an expression that the bundlers of pages understand. */
export function addressesOfPage(): Plugin {
  return {
    name: 'ocelli:addresses-of-page',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        chunk.code = chunk.code.replaceAll(
          /(['"`])address:([^'"`]+)\1/g,
          "new URL('$2', import.meta.url).href",
        );
      }
    },
  };
}

/** Puts onnxruntime's scripts beside the page's, as they are but for their maps. */
export function scriptsOfRuntime(): Plugin {
  return {
    name: 'ocelli:scripts-of-runtime',
    generateBundle() {
      for (const name of ['wasm', 'webgpu', 'jspi']) {
        const path = fileURLToPath(import.meta.resolve(`onnxruntime-web/${name}`)).replace(
          /[^/\\]*$/,
          `ort.${name}.bundle.min.mjs`,
        );
        const source = readFileSync(path, 'utf8').replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
        this.emitFile({ type: 'asset', fileName: `ort.${name}.js`, source });
      }
    },
  };
}

/** The worker's parts by the addresses that the page tells. */
export function toldParts(): Plugin {
  return {
    name: 'ocelli:told-parts',
    enforce: 'pre',
    resolveId(source, importer) {
      if (source !== './parts.ts' || !importer) return null;
      return this.resolve('./parts-told.ts', importer, { skipSelf: true });
    },
  };
}

const sharedCore = '\0ocelli-shared-core';
const noRuntime = '\0ocelli-no-runtime';

/**
 * The pipelines alone: our errors are those of the worker (parts-told.ts), and transformers.js takes the runtime that is
 * there.
 */
export function partOfWorker(): Plugin {
  return {
    name: 'ocelli:part-of-worker',
    enforce: 'pre',
    resolveId(source) {
      if (source.endsWith('/core/index.ts')) return sharedCore;
      return source.startsWith('onnxruntime-web') ? noRuntime : null;
    },
    load(id) {
      if (id === noRuntime) return 'export {};';
      if (id !== sharedCore) return null;
      return `export const { ${Object.keys(core).join(', ')} } = globalThis[Symbol.for('ocelli.widget.core')];`;
    },
  };
}
