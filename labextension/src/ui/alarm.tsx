/** One alert that fires: how grave, what, since when, what to do about it, and what can be said to it. */

import React, { useState } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IKernelActions } from '../kernels';
import { isLight, strokeOf } from '../palette';
import type { IAlert, IDevice, IFinding } from '../schema';
import type { AlertAction, IAlerts } from '../tokens';
import { peakWords, span, whenOf } from '../alarmwords';
import { RequestError } from '../request';
import { label } from '../words';

/** What it is made from. */
export interface IAlarmProps {
  readonly alert: IAlert;
  readonly device: IDevice | null;
  /** The server's Unix time. */
  readonly now: number;
  readonly book: IAlerts;
  readonly actions: IKernelActions;
  readonly trans: TranslationBundle;
}

/** A line of the list. */
export function Alarm(props: IAlarmProps): JSX.Element {
  const { alert, device, now, trans } = props;
  const { finding } = alert;
  const quiet = alert.acknowledged != null || (alert.snoozed ?? 0) > now;
  return (
    <li
      className={`jp-GpuMon-alarm jp-mod-${finding.level ?? 'warning'}`}
      data-rule={finding.rule}
      data-quiet={quiet}
    >
      <div className="jp-GpuMon-alarmTop">
        <h3>{finding.title}</h3>
        <time title={whenOf(alert.since)}>{span(now - alert.since)}</time>
      </div>
      <p>
        <Level level={finding.level ?? 'warning'} trans={trans} />{' '}
        {device && (
          <>
            <i
              className="jp-GpuMon-chip"
              style={{ background: strokeOf(device, isLight()).colour }}
            />{' '}
            <b>{label(device)}</b>{' '}
          </>
        )}
        {finding.detail}
      </p>
      <small>{more(props)}</small>
      <Steps finding={finding} trans={trans} />
      <Answers {...props} />
    </li>
  );
}

/** How grave it is: in words, with a sign of a shape of its own. */
export function Level(props: {
  readonly level: string;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { level, trans } = props;
  const [sign, word] =
    level === 'critical'
      ? ['■', trans.__('Critical')]
      : level === 'info'
        ? ['○', trans.__('Note')]
        : ['▲', trans.__('Warning')];
  return (
    <span className="jp-GpuMon-level">
      <i aria-hidden="true">{sign}</i> {word}
    </span>
  );
}

/** Since when, how far it went, and what was said to it. */
function more({ alert, now, trans }: IAlarmProps): string {
  const { acknowledged, snoozed, finding } = alert;
  const named = (finding.detail ?? '').includes(`${finding.pid}`);
  return [
    trans.__('since %1', whenOf(alert.since)),
    peakWords(alert, trans),
    finding.pid != null && !named && trans.__('process %1', finding.pid),
    acknowledged != null && trans.__('acknowledged %1', whenOf(acknowledged)),
    (snoozed ?? 0) > now && trans.__('snoozed until %1', whenOf(snoozed ?? 0))
  ]
    .filter(Boolean)
    .join(' · ');
}

/** What to do, the most useful first. */
export function Steps(props: {
  readonly finding: IFinding;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const steps = props.finding.steps ?? [];
  return steps.length ? (
    <details>
      <summary>{props.trans.__('What to do')}</summary>
      <ol>
        {steps.map(step => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </details>
  ) : null;
}

/** Acknowledge, snooze, and the way to whose work it is. */
function Answers(props: IAlarmProps): JSX.Element {
  const { alert, actions, book, trans } = props;
  const { notebook, kernel } = alert.finding;
  const [trouble, setTrouble] = useState('');
  const act = (action: AlertAction, seconds?: number): void => {
    book.act(alert.id, action, seconds).then(
      () => setTrouble(''),
      (error: Error) => setTrouble(error instanceof RequestError ? error.words : error.message)
    );
  };
  const seen = alert.acknowledged != null;
  return (
    <div className="jp-GpuMon-answers">
      <button
        className="jp-GpuMon-text"
        onClick={() => act(seen ? 'unacknowledge' : 'acknowledge')}
      >
        {seen ? trans.__('Unacknowledge') : trans.__('Acknowledge')}
      </button>
      <Snooze {...props} act={act} />
      {notebook && (
        <button className="jp-GpuMon-text" onClick={() => actions.open(notebook)}>
          {trans.__('Go to notebook')}
        </button>
      )}
      {kernel && actions.state(kernel) && (
        <button className="jp-GpuMon-text" onClick={() => actions.interrupt(kernel)}>
          {trans.__('Interrupt kernel')}
        </button>
      )}
      {trouble && <small role="alert">{trouble}</small>}
    </div>
  );
}

function Snooze({
  alert,
  now,
  trans,
  act
}: IAlarmProps & {
  readonly act: (action: AlertAction, seconds?: number) => void;
}): JSX.Element {
  const choices: readonly (readonly [number, string])[] = [
    [900, trans.__('15 min')],
    [3600, trans.__('1 h')],
    [28800, trans.__('8 h')],
    [86400, trans.__('1 day')]
  ];
  return (alert.snoozed ?? 0) > now ? (
    <button className="jp-GpuMon-text" onClick={() => act('unsnooze')}>
      {trans.__('Wake')}
    </button>
  ) : (
    <select
      className="jp-GpuMon-select"
      aria-label={trans.__('Snooze')}
      value=""
      onChange={event => act('snooze', Number(event.target.value))}
    >
      <option value="" disabled>
        {trans.__('Snooze …')}
      </option>
      {choices.map(([seconds, name]) => (
        <option key={seconds} value={seconds}>
          {name}
        </option>
      ))}
    </select>
  );
}
