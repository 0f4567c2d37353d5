/** WebGPU as the browser has it, in the page and in workers alike. */
import type { OpenGpu } from '../types.ts';

export const openGpu: OpenGpu = async () => {
  const { gpu } = navigator as { readonly gpu?: GPU };
  if (gpu) return { access: { gpu, provider: 'the browser', close: () => {} } };
  // WebGPU is there on secure pages only, in browsers that have it.
  return {
    missing: isSecureContext
      ? 'this browser has no WebGPU'
      : 'the page is not secure: WebGPU needs https, or localhost',
  };
};
