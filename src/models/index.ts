/** Models: Hugging Face families by their `model_type`, loading and saving. */
export * from './types.ts';
