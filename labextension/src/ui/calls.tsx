/** That alerts fire, in one line that leads to them. */

import React from 'react';
import { titleOf } from '../alerts';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IAlert, IDevice } from '../schema';

/** Titles that are named; the rest is counted. */
const NAMED = 2;

/** `2 alerts: GPU 0: Memory nearly full; GPU 1: Power cap`; empty where there are none. */
export function callWords(
  alerts: readonly IAlert[],
  devices: readonly IDevice[],
  trans: TranslationBundle
): string {
  if (!alerts.length) {
    return '';
  }
  const titles = alerts.slice(0, NAMED).map(alert => titleOf(alert, devices));
  const more = alerts.length > NAMED ? ['…'] : [];
  return `${trans._n('%1 alert', '%1 alerts', alerts.length)}: ${[...titles, ...more].join('; ')}`;
}

/** The line at the top of the first tab. */
export function CallLine(props: {
  readonly alerts: readonly IAlert[];
  readonly devices: readonly IDevice[];
  readonly onOpen: () => void;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const words = callWords(props.alerts, props.devices, props.trans);
  return words ? (
    <button
      className={`jp-GpuMon-calls jp-mod-${props.alerts[0].finding.level ?? 'warning'}`}
      title={props.trans.__('Show the alerts')}
      onClick={props.onOpen}
    >
      {words}
    </button>
  ) : null;
}
