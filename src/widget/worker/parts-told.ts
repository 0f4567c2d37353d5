/**
 * What the worker fetches when there is work, by the addresses that the page tells: those that its bundler has given to the
 * files of the npm package (the build puts this file in the place of parts.ts).
 */
import * as core from '../../core/index.ts';
import { canSuspend, type OnnxWeb } from '../../platform/browser/index.ts';
import type { OpenedModel, PartAddresses } from '../protocol.ts';

let told: PartAddresses | undefined;

export function tellParts(addresses: PartAddresses | undefined): void {
  told = addresses;
  // The pipelines are a file of their own, and their errors are to be of the same classes.
  Object.assign(globalThis, { [Symbol.for('ocelli.widget.core')]: core });
}

function addresses(): PartAddresses {
  if (told) return told;
  throw new Error('the page has not told where the parts of the widget lie');
}

const kindOf = (device: OpenedModel['device']): keyof PartAddresses['runtimes'] =>
  device === 'wasm' ? 'wasm' : canSuspend() ? 'jspi' : 'webgpu';

export const loadRuntime = (device: OpenedModel['device']): Promise<OnnxWeb> =>
  import(/* @vite-ignore */ addresses().runtimes[kindOf(device)]) as Promise<OnnxWeb>;

export const loadPipelines = (): Promise<typeof import('./pipeline-model.ts')> =>
  import(/* @vite-ignore */ addresses().pipelines) as Promise<typeof import('./pipeline-model.ts')>;

const fileNames = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  jspi: 'ort-wasm-simd-threaded.jspi.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
} as const;

/**
 * The package leaves the WebAssembly files to `onnxruntime-web`, where a build finds them. Where the package's files are
 * served as they lie (by a development server, or by a CDN that serves npm) nothing has been resolved: the other package
 * is looked for where npm puts it, and where a CDN has it by its version.
 */
export async function runtimeAddress(ort: OnnxWeb, device: OpenedModel['device']): Promise<string> {
  const kind = kindOf(device);
  const given = addresses().binaries[kind];
  const [, root] = /^(.*)\/dist\/embed\/[^/]*$/.exec(import.meta.url.replace(/[?#].*$/, '')) ?? [];
  if (root === undefined) return given;
  const above = root.replace(/\/[^/]*$/, '');
  const file = (folder: string): string => `${folder}/dist/${fileNames[kind]}`;
  const candidates = root.includes('/node_modules/')
    ? [given, file(`${root}/node_modules/onnxruntime-web`), file(`${above}/onnxruntime-web`)]
    : [file(`${above}/onnxruntime-web@${ort.env.versions.web}`)];
  for (const candidate of candidates) if (await isBinary(candidate)) return candidate;
  return given;
}

/** Development servers answer with a page where there is no file. */
async function isBinary(address: string): Promise<boolean> {
  const response = await fetch(address, { method: 'HEAD' }).catch(() => undefined);
  return response?.ok === true && !/html|json/.test(response.headers.get('Content-Type') ?? '');
}

export const isOwnOrigin = (): boolean => new URL(import.meta.url).origin === self.origin;
