/** What wants to be looked at, what did, where it was sent, and by which rules: the Alerts tab. */

import React from 'react';
import type { IAlert, IDelivery, IDevice } from '../schema';
import type { IAlerts } from '../tokens';
import '../../style/alerts.css';
import { Alarm } from './alarm';
import { Section } from './frame';
import { useAlerts } from './hooks';
import { Past } from './past';
import { Rules } from './rules';
import type { IPageProps } from './pages';

/** The tab; drawn again only when there is something new to see. */
export default React.memo(AlertsTab);

function AlertsTab(props: IPageProps): JSX.Element {
  const { devices } = props;
  const { trans } = props.say;
  const book = useAlerts(props.model, props.active);
  return (
    <div className="jp-GpuMon-alerts">
      <Notes book={book} {...props} />
      {book.enabled && (book.known || book.firing.length > 0) && (
        <Firing {...props} alerts={book.firing} />
      )}
      {book.resolved.length > 0 && (
        <Section title={trans.__('Over')} name="alerts-over">
          <Past alerts={book.resolved} devices={devices} trans={trans} />
        </Section>
      )}
      <Deliveries book={book} {...props} />
      <Rules {...props} />
    </div>
  );
}

/** What is the matter with the alerts themselves. */
function Notes({ book, say }: IPageProps & { readonly book: IAlerts }): JSX.Element {
  const { trans } = say;
  const off = trans.__('Alerts are off on this server (c.GpuMon.alerts = False).');
  const wrong = [book.trouble, !book.enabled && off, ...book.problems].filter(Boolean);
  return (
    <>
      {!book.known && !book.trouble && (
        <p className="jp-GpuMon-detail">{trans.__('Asking the server …')}</p>
      )}
      {wrong.map(words => (
        <p key={String(words)} className="jp-GpuMon-detail" role="alert">
          {words}
        </p>
      ))}
    </>
  );
}

function Firing(props: IPageProps & { readonly alerts: readonly IAlert[] }): JSX.Element {
  const { alerts, model, actions, devices } = props;
  const { trans } = props.say;
  return (
    <Section title={trans.__('Firing')} name="alerts-firing">
      {alerts.length === 0 && <p className="jp-GpuMon-detail">{trans.__('No alert fires.')}</p>}
      <ul>
        {alerts.map(alert => (
          <Alarm
            key={alert.id}
            alert={alert}
            device={deviceOf(alert, devices)}
            now={model.now()}
            book={model.alerts}
            actions={actions}
            trans={trans}
          />
        ))}
      </ul>
    </Section>
  );
}

function deviceOf({ finding }: IAlert, devices: readonly IDevice[]): IDevice | null {
  return devices.find(device => device.uuid === finding.uuid) ?? null;
}

function Deliveries({ book, say }: IPageProps & { readonly book: IAlerts }): JSX.Element | null {
  const { trans } = say;
  return book.deliveries.length ? (
    <Section title={trans.__('Sent to')} name="alerts-deliveries">
      <ul>
        {book.deliveries.map(delivery => (
          <li key={delivery.name} className="jp-GpuMon-delivery">
            <span>{delivery.name}</span>
            <span className="jp-GpuMon-value">{counts(delivery, trans)}</span>
            {delivery.problem && <small>{delivery.problem}</small>}
          </li>
        ))}
      </ul>
    </Section>
  ) : null;
}

function counts(delivery: IDelivery, trans: IPageProps['say']['trans']): string {
  const { sent = 0, waiting = 0, failed = 0 } = delivery;
  return [
    trans.__('%1 sent', sent),
    waiting > 0 && trans.__('%1 waiting', waiting),
    failed > 0 && trans.__('%1 failed', failed)
  ]
    .filter(Boolean)
    .join(' · ');
}
