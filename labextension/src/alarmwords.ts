/** Times and numbers of alerts in words. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { clock, day, duration, quantity } from './format';
import type { IAlert } from './schema';

/** `14:03`, and the day in front where it is another one. */
export function whenOf(time: number): string {
  const today = new Date(time * 1000).toDateString() === new Date().toDateString();
  return today ? clock(time, false) : `${day(time)} ${clock(time, false)}`;
}

/** How far it went, where that is further than now. */
export function peakWords({ peak, finding }: IAlert, trans: TranslationBundle): string {
  return peak == null || peak === finding.value || !finding.unit
    ? ''
    : trans.__('most %1', quantity(peak, finding.unit));
}

/** How long, in one or two short words: `27 s`, `16 min`, `2 h 5 min`, `3 d`. */
export function span(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min`;
  }
  return whole < 86400 ? duration(whole) : `${Math.floor(whole / 86400)} d`;
}

/** How long an alert that is over has fired. */
export function lasted({ fired, resolved }: IAlert): string {
  return resolved == null ? '' : span(resolved - fired);
}
