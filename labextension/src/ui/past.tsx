/** Alerts that are over, newest first; the older ones on request. */

import React, { useState } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { lasted, peakWords, whenOf } from '../alarmwords';
import { titleOf } from '../alerts';
import type { IAlert, IDevice } from '../schema';
import { Level, Steps } from './alarm';

/** Entries shown before somebody asks for more. */
const SHOWN = 8;

/** The list. */
export function Past(props: {
  readonly alerts: readonly IAlert[];
  readonly devices: readonly IDevice[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { alerts, trans } = props;
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, alerts.length - SHOWN);
  return (
    <>
      <ul>
        {alerts.slice(0, alerts.length - hidden).map(alert => (
          <Over key={alert.id} alert={alert} {...props} />
        ))}
      </ul>
      {hidden > 0 && (
        <button className="jp-GpuMon-text jp-GpuMon-moreAlerts" onClick={() => setAll(true)}>
          {trans._n('and %1 more', 'and %1 more', hidden)}
        </button>
      )}
    </>
  );
}

function Over({
  alert,
  devices,
  trans
}: {
  readonly alert: IAlert;
  readonly devices: readonly IDevice[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { finding } = alert;
  const more = [finding.detail, peakWords(alert, trans)].filter(Boolean).join(' · ');
  return (
    <li className={`jp-GpuMon-over jp-mod-${finding.level ?? 'warning'}`} data-rule={finding.rule}>
      <details>
        <summary>
          <time>{whenOf(alert.fired)}</time>
          <span>{titleOf(alert, devices)}</span>
          <span className="jp-GpuMon-value">{lasted(alert)}</span>
        </summary>
        <p>
          <Level level={finding.level ?? 'warning'} trans={trans} />
          {more && ` · ${more}`}
        </p>
        <Steps finding={finding} trans={trans} />
      </details>
    </li>
  );
}
