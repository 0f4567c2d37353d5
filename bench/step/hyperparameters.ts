/** The optimiser of every contender: AdamW with torch's defaults but no weight decay, which plain Adam then equals. */
export const learningRate = 1e-4;
export const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
