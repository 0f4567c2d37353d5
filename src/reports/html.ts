/**
 * HTML from template literals, escaped by construction: whatever is put into html`…` is text unless it is itself the
 * result of html`…`. Class names, file names and recipes are other people's input.
 */

export class SafeHtml {
  constructor(readonly text: string) {}
}

export type HtmlValue = string | number | SafeHtml | null | undefined | false | readonly HtmlValue[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character]!);
}

export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  return new SafeHtml(
    parts.reduce((text, part, i) => text + part + (i < values.length ? render(values[i]) : ''), ''),
  );
}

/** For markup that was made elsewhere and escapes its own texts: ECharts' SVG, the style sheet. */
export function trusted(text: string): SafeHtml {
  return new SafeHtml(text);
}

function render(value: HtmlValue): string {
  if (value instanceof SafeHtml) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === null || value === undefined || value === false) return '';
  return escapeHtml(String(value));
}

/** Base64 of bytes, the same in Node and browser. */
export function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}
