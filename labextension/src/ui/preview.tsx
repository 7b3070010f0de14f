/** What a rule would have done over the last hour: in words, and drawn over what it looks at. */

import React, { useEffect, useMemo } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { span } from '../alarmwords';
import { firedBands, subjectOf, type ISubject } from '../rules';
import type { IPreview } from '../schema';
import type { IGpuModel } from '../tokens';
import { Chart } from './chart';
import type { IPageProps } from './pages';

/** Seconds drawn. */
const BACK = 3600;

/** What it is made from. */
export interface IPreviewProps extends IPageProps {
  /** The condition. */
  readonly when: string;
  readonly preview: IPreview;
  /** Unix seconds at which it was made. */
  readonly at: number;
}

/** The words, and the chart where the condition names a metric. */
export function Preview(props: IPreviewProps): JSX.Element {
  const { preview, devices, when, at } = props;
  const subject = useMemo(() => subjectOf(when, devices), [when, devices]);
  const now = Math.max(at, ...preview.alerts.map(alert => alert.resolved ?? alert.fired));
  return (
    <div className="jp-GpuMon-preview">
      <p role="status">{words(preview, now, props.say.trans)}</p>
      {subject && <Picture {...props} subject={subject} now={now} />}
    </div>
  );
}

/** How often, for how long, and over how much of the hour that is known. */
function words(preview: IPreview, now: number, trans: TranslationBundle): string {
  const { alerts, covered, known } = preview;
  if (!covered) {
    return trans.__('Nothing is known of the last hour.');
  }
  const over = covered < 0.98 * BACK ? trans.__('the last %1', span(covered)) : '';
  const hour = over || trans.__('the last hour');
  if (!known) {
    const names = preview.unknown.join(', ') || trans.__('what it names');
    return trans.__('Of %1 nothing is known in %2: it cannot be tried on the past.', names, hour);
  }
  if (!alerts.length) {
    return trans.__('It would not have fired in %1.', hour);
  }
  const seconds = alerts.reduce((sum, { fired, resolved }) => sum + (resolved ?? now) - fired, 0);
  const times = trans._n('once', '%1 times', alerts.length);
  return trans.__('It would have fired %1 in %2, for %3.', times, hour, span(seconds));
}

function Picture(
  props: IPreviewProps & { readonly subject: ISubject; readonly now: number }
): JSX.Element {
  const { model, devices, subject, preview, now } = props;
  const { metric, limit } = subject;
  usePast(model, metric);
  const from = now - Math.min(BACK, Math.max(60, preview.covered));
  const window = useMemo(
    () => model.window(metric, BACK, from, now),
    [model, metric, from, now, model.revision]
  );
  const bands = useMemo(() => firedBands(preview.alerts, devices, now), [preview, devices, now]);
  return (
    <Chart
      metric={metric}
      devices={devices}
      gpus={model.gpus}
      window={window}
      from={from}
      to={now}
      bands={bands}
      bandWord={props.say.trans.__('would have fired')}
      limit={limit}
      height={110}
      theme={props.theme}
      trans={props.say.trans}
      onZoom={() => undefined}
      onReset={() => undefined}
    />
  );
}

/** Have the last hour of a metric while it is drawn. */
function usePast(model: IGpuModel, metric: string): void {
  useEffect(() => {
    const demand = { range: BACK, metrics: [metric], values: [], processes: false, host: false };
    const watch = model.watch(demand);
    return () => watch.dispose();
  }, [model, metric]);
}
