/**
 * A colour for every class, the same in every picture and report.
 *
 * Hues go round the circle by the golden angle, so that neighbouring labels are far apart however many there
 * are. Lightness and chroma are constant in OKLCH (Björn Ottosson, 2020), where equal numbers look equal:
 * black text is readable on every colour, and with a dark outline each is visible on light and dark ground.
 */

const goldenAngle = 137.50776405;
const firstHue = 25;
const lightness = 0.76;
const chroma = 0.145;

/** `#rrggbb` for a label from 0. */
export function classColor(label: number): string {
  const angle = ((firstHue + label * goldenAngle) * Math.PI) / 180;
  const [red, green, blue] = oklabToSrgb(lightness, chroma * Math.cos(angle), chroma * Math.sin(angle));
  return `#${[red, green, blue]
    .map((value) =>
      Math.round(value * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

/** Oklab to sRGB in 0 … 1, clipped to what a screen can show. */
function oklabToSrgb(l: number, a: number, b: number): [number, number, number] {
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    encode(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    encode(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

function encode(linear: number): number {
  const value = Math.min(Math.max(linear, 0), 1);
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
}
