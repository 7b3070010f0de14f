/**
 * Which GPU is which: a colour, and past eight GPUs or inside a board a dash as well.
 *
 * The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), told apart with any colour vision. A colour never
 * says how bad something is.
 */

import type { IDevice } from './schema';

/** Okabe and Ito's colours in the order of the GPUs' indices, black as grey so that it shows on dark ground too. */
export const COLOURS: readonly string[] = [
  '#0072B2',
  '#E69F00',
  '#009E73',
  '#CC79A7',
  '#56B4E9',
  '#D55E00',
  '#F0E442',
  '#999999'
];

/** Yellow is invisible on white. */
const YELLOW_ON_WHITE = '#D6C700';

const DASHES: readonly (readonly number[])[] = [
  [],
  [6, 3],
  [2, 3],
  [8, 3, 2, 3],
  [12, 4],
  [4, 6],
  [1, 2],
  [10, 2, 2, 2, 2, 2]
];

/** How a device is drawn. */
export interface IStroke {
  readonly colour: string;
  /** Lengths of line and space; empty for a full line. */
  readonly dash: readonly number[];
}

/** The stroke of a device, the same on every surface. */
export function strokeOf(device: IDevice, light: boolean): IStroke {
  const colour = COLOURS[device.index % COLOURS.length];
  const turn = Math.floor(device.index / COLOURS.length) + (device.instance ?? -1) + 1;
  return {
    colour: light && colour === '#F0E442' ? YELLOW_ON_WHITE : colour,
    dash: DASHES[turn % DASHES.length]
  };
}

/** Whether the theme is a light one, as JupyterLab marks it on the page. */
export function isLight(): boolean {
  return document.body.dataset.jpThemeLight !== 'false';
}
