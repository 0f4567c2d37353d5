/**
 * `import 'ocelli/widget'`: the widget for pages that a bundler makes. Each file that is fetched later is named as
 * `new URL('…', import.meta.url)`, which Vite, webpack and others understand: they copy it, and put its new address there. The
 * build writes those expressions (vite.config.ts), because it would follow them itself.
 */
import { defineOcelliPredict } from './index.ts';

export * from './index.ts';

defineOcelliPredict('address:./widget.worker.js', {
  runtimes: {
    wasm: 'address:./ort.wasm.js',
    webgpu: 'address:./ort.webgpu.js',
    jspi: 'address:./ort.jspi.js',
  },
  binaries: {
    wasm: 'address:onnxruntime-web/ort-wasm-simd-threaded.wasm',
    webgpu: 'address:onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm',
    jspi: 'address:onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm',
  },
  pipelines: 'address:./pipelines.js',
});
