/** The GPUs as they are, with charts: the first tab. */

import React from 'react';
import { Notification } from '@jupyterlab/apputils';
import { saveCsv, savePng } from '../export';
import { CallLine } from './calls';
import { Section } from './frame';
import { Gpus } from './gpus';
import { HappeningsSection } from './happenings';
import { HostSection } from './host';
import { Processes } from './processes';
import type { IViewProps, IViewState } from './view';

/** With what draws them: a page whose panel is closed never needs it. */
const Charts = React.lazy(() => import('./charts'));

type INowProps = IViewProps & { readonly state: IViewState };

/** GPUs, what happened, notebooks, charts and host. */
export function Now(props: INowProps): JSX.Element {
  const { state, trans } = props;
  const { model } = props.gpumon;
  const { range, now } = state;
  return (
    <>
      <CallLine
        alerts={state.calls}
        devices={model.devices}
        onOpen={() => state.onTab('alerts')}
        trans={trans}
      />
      <Gpus
        model={model}
        range={range}
        from={now - range}
        to={now}
        trans={trans}
        wishes={state.wishes}
      />
      <HappeningsSection model={model} from={now - range} trans={trans} />
      <Parts {...props} charts={<ViewCharts {...props} />} />
    </>
  );
}

function ViewCharts(props: INowProps): JSX.Element {
  const { state, settings, gpumon } = props;
  const { metrics } = state.wishes;
  const [from, to] = state.zoom ?? [state.now - state.range, state.now];
  const onExport = (kind: 'csv' | 'png'): void => {
    const root = state.root.current ?? document.body;
    const { devices, hello } = gpumon.model;
    const subject = { devices, simulated: hello?.simulated ?? false, from, to };
    const saved =
      kind === 'csv' ? saveCsv(metrics, subject, settings) : savePng(root, subject, props.trans);
    saved.catch((error: Error) => Notification.error(error.message));
  };
  return (
    <React.Suspense fallback={null}>
      <Charts
        model={gpumon.model}
        metrics={metrics}
        range={state.range}
        at={state.now}
        from={from}
        to={to}
        zoomed={state.zoom !== null}
        wide={props.wide}
        theme={props.theme}
        trans={props.trans}
        onMetrics={chosen => gpumon.preferences.set('metrics', chosen)}
        onZoom={state.onZoom}
        onExport={onExport}
      />
    </React.Suspense>
  );
}

/** Notebooks, charts and host; in the wide view the charts come first. */
function Parts(props: IViewProps & { readonly charts: JSX.Element }): JSX.Element {
  const { trans, wide, actions } = props;
  const { model } = props.gpumon;
  const hello = model.hello;
  return (
    <>
      {wide && model.devices.length > 0 && props.charts}
      <div className="jp-GpuMon-parts">
        {model.devices.length > 0 && (
          <Section title={trans.__('Notebooks on these GPUs')} name="processes">
            <Processes
              processes={model.processes}
              devices={model.devices}
              foreign={hello?.pid_namespace === 'foreign'}
              actions={actions}
              trans={trans}
            />
          </Section>
        )}
        {!wide && model.devices.length > 0 && props.charts}
        <Section title={trans.__('Host')} name="host">
          <HostSection host={model.host} absent={hello?.host_absent ?? {}} trans={trans} />
        </Section>
      </div>
    </>
  );
}
