// Colors of losses and of paths, all told apart by color-blind people.

/** Seventeen stops each, from low to high. */
const STOPS = {
  viridis:
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
  cividis:
    "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 aba072 bcae6c cdbb63 dec958 f0d846 fee838",
  gray: "2a2a2a 373737 444444 515151 5e5e5e 6b6b6b 787878 858585 929292 9f9f9f acacac b8b8b8 c4c4c4 cfcfcf dadada e5e5e5 f0f0f0",
};

export type ColorsName = keyof typeof STOPS;
export const COLORS_NAMES = Object.keys(STOPS) as ColorsName[];

const ENTRIES = 256;

/** Red, green and blue of `#rgb` or `#rrggbb`, in bytes. */
export function rgb(hex: string): [number, number, number] {
  const digits = hex.replace("#", "");
  const size = digits.length / 3;
  const part = (at: number): number => parseInt(digits.slice(at * size, (at + 1) * size).padStart(2, digits[at]), 16);
  return [part(0), part(1), part(2)];
}

/** Red, green, blue and alpha in bytes, 256 times, from low to high. */
export function colorTable(name: ColorsName): Uint8Array<ArrayBuffer> {
  const stops = STOPS[name].split(" ").map(rgb);
  const table = new Uint8Array(ENTRIES * 4);
  for (let entry = 0; entry < ENTRIES; entry++) {
    const place = (entry / (ENTRIES - 1)) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(place));
    for (let channel = 0; channel < 3; channel++) {
      const low = stops[below][channel];
      table[entry * 4 + channel] = Math.round(low + (stops[below + 1][channel] - low) * (place - below));
    }
    table[entry * 4 + 3] = 255;
  }
  return table;
}

/** How a path is drawn: its place among Okabe and Ito's colors, and dashes in units of the line's width. */
export interface Stroke {
  color: string;
  dash: number[];
}

const ON_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#000000", "#56b4e9", "#cc79a7"];
const ON_DARK = ["#4aa8e0", "#f0803c", "#2fc79b", "#f0b93a", "#ffffff", "#8fd0f5", "#e3a0c4"];
const DASHES = [[], [4, 2], [1.4, 1.8], [6, 2, 1.4, 2]];

export function stroke(place: number, dark: boolean): Stroke {
  const colors = dark ? ON_DARK : ON_LIGHT;
  return { color: colors[place % colors.length], dash: DASHES[(place + Math.floor(place / colors.length)) % DASHES.length] };
}
