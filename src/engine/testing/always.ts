/** One choice of a product's form for every key: tests hold each form against the cpu backend. */
export function always(form: string): ReadonlyMap<string, string> {
  return new (class extends Map<string, string> {
    override get(key: string): string | undefined {
      return /^(f16 )?(MatMul|Linear|Conv2d)/.test(key) ? form : undefined;
    }
  })();
}
