/** Icons as strokes on a grid of 24; they take the colour of the text beside them and say nothing themselves. */
const paths = {
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14',
  stop: 'M6 6h12v12H6z',
  pictures: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  model: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  recipe: 'M6 3h9l4 4v14H6zM14 3v5h5M9 12h7M9 16h7',
  chip: 'M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4',
  runs: 'M4 19V5M4 19h16M8 15l3-5 3 3 5-7',
  errors: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM14 14l5 5M19 14l-5 5',
  try: 'M12 8a4 4 0 100 8 4 4 0 000-8zM2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z',
  export: 'M12 4v11M7.5 10.5L12 15l4.5-4.5M4 20h16',
  upload: 'M12 16V5M7.5 9.5L12 5l4.5 4.5M4 20h16',
  folder: 'M3 6h6l2 2.5h10V19H3z',
  archive: 'M4 4h16v5H4zM5 9v11h14V9M10 13h4',
  link: 'M9.5 14.5l5-5M8 11l-2.5 2.5a3.5 3.5 0 005 5L13 16M16 13l2.5-2.5a3.5 3.5 0 00-5-5L11 8',
  shapes: 'M8 4a4 4 0 100 8 4 4 0 000-8zM13 13h7v7h-7zM17 3l4 7h-8zM4 15l5 5M9 15l-5 5',
  camera: 'M4 7h4l1.5-2h5L16 7h4v12H4zM12 10a3 3 0 100 6 3 3 0 000-6z',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  info: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5M12 8h.01',
  warning: 'M12 4l9 16H3zM12 10v5M12 17.5h.01',
  error: 'M12 3a9 9 0 100 18 9 9 0 000-18zM9 9l6 6M15 9l-6 6',
  bell: 'M6 16.5V11a6 6 0 0112 0v5.5l1.5 1.5h-15zM10 20.5h4',
  sun: 'M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19',
  moon: 'M20 14.5A8.5 8.5 0 019.5 4a8.5 8.5 0 1010.5 10.5z',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  chevron: 'M9 6l6 6-6 6',
  reset: 'M5 5v5h5M5.5 10A7.5 7.5 0 1112 19.5',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  hub: 'M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18',
  history: 'M4 5v5h5M4.5 10A8 8 0 1112 20M12 8v4.5l3 2',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={name === 'play' || name === 'stop' ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}
