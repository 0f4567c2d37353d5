/** A thread that decodes, augments and processes samples. */
export {};
